"""How far one network's answers are from another's."""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["distillation", "divergence"]


def divergence(of: Tensor, against: Tensor) -> Tensor:
    r"""The mean over samples of :math:`KL(p \| q) = \sum_k p_k (\log p_k - \log q_k)`, shape ().

    Args:
        of: Logits of p, (B, K).
        against: Logits of q, (B, K).

    >>> p, q = torch.tensor([[0.5, 0.3, 0.2]]).log(), torch.tensor([[0.4, 0.4, 0.2]]).log()
    >>> round(divergence(p, q).item(), 6), round(divergence(q, p).item(), 6)
    (0.025267, 0.025815)
    """
    log_p, log_q = (functional.log_softmax(_at_least_single(logits), 1) for logits in (of, against))
    return functional.kl_div(log_q, log_p, reduction="batchmean", log_target=True)


def distillation(student: Tensor, teacher: Tensor, temperature: float, scaled: bool = True) -> Tensor:
    r"""The distillation loss of soft targets, mean over samples, shape ().

    :math:`T^2\, KL(\sigma(z_t / T) \| \sigma(z_s / T))` (Hinton et al. 2015, arXiv 1503.02531; Li and
    Hoiem 2016, arXiv 1606.09282, who write the cross-entropy, which differs by the teacher's entropy
    and has the same gradient). For large T the scaled gradient tends to the difference of the centred
    logits over K.

    Args:
        student: Logits (B, K), with a gradient.
        teacher: Logits (B, K).
        temperature: T > 0.
        scaled: Whether to multiply by T^2, so that the gradient keeps its size as T grows; the code of
            most continual-learning suites does not.
    """
    soft = divergence(_at_least_single(teacher) / temperature, _at_least_single(student) / temperature)
    return soft * temperature**2 if scaled else soft


def _at_least_single(logits: Tensor) -> Tensor:
    """Half precision has too few digits for small probabilities."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits

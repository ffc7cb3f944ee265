import pytest
import torch

from tlx.functional.distillation import distillation, divergence

Z, Z_T = torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[0.2, 1.0, -1.0]])


def gradient(temperature: float, scaled: bool = False) -> torch.Tensor:
    student = Z.double().requires_grad_()
    distillation(student, Z_T.double(), temperature, scaled).backward()
    assert student.grad is not None
    return student.grad


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0, 7.0])
def test_the_gradient_is_the_difference_of_the_soft_answers(temperature: float) -> None:
    expected = (torch.softmax(Z / temperature, 1) - torch.softmax(Z_T / temperature, 1)) / temperature
    torch.testing.assert_close(gradient(temperature).float(), expected)


def test_for_great_temperatures_the_scaled_gradient_compares_centred_logits() -> None:
    expected = torch.tensor([[-0.1, -1 / 30, 2 / 15]])
    torch.testing.assert_close(gradient(3000.0, scaled=True).float(), expected, atol=1e-4, rtol=0)


def test_like_answers_cost_nothing_and_pull_nowhere() -> None:
    student = Z.clone().requires_grad_()
    loss = distillation(student, Z, 2.0)
    loss.backward()
    assert loss.item() == 0.0
    torch.testing.assert_close(student.grad, torch.zeros(1, 3))


def test_a_mean_over_samples_not_over_classes() -> None:
    z, z_t = Z.double(), Z_T.double()
    one = divergence(z, z_t)
    assert divergence(z.repeat(5, 1), z_t.repeat(5, 1)).item() == pytest.approx(one.item())
    p, q = torch.softmax(z, 1), torch.softmax(z_t, 1)
    assert one.item() == pytest.approx((p * (p / q).log()).sum().item())


def test_half_precision_is_computed_in_single() -> None:
    assert divergence(Z.bfloat16(), Z_T.bfloat16()).dtype == torch.float32

import torch

from tlx.backbones.named import first_and_last, named, unnamed


def test_pictures_and_tokens_come_back_as_they_were():
    pictures, tokens = (
        torch.rand(2, 3, 4, 4),
        {"input_ids": torch.ones(2, 5), "attention_mask": torch.ones(2, 5)},
    )
    assert unnamed(named(pictures)) is pictures
    assert unnamed(named(tokens)) == tokens


def test_values_of_stages_are_no_inputs():
    tokens = torch.ones(2, 5)
    assert unnamed({"inputs/input_ids": tokens, "stage/0": torch.rand(2, 5, 3)}) == {"input_ids": tokens}


def test_the_only_sample_stands_for_two():
    assert first_and_last(torch.tensor([[1.0], [2.0], [3.0]])).tolist() == [[1.0], [3.0]]
    assert first_and_last({"ids": torch.tensor([[7]])})["ids"].tolist() == [[7], [7]]

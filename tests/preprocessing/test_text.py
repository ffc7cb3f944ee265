import json

import pytest
import torch

from tlx.errors import CheckpointError, ConfigError
from tlx.preprocessing.text import TextPreprocessing, from_folder
from tlx.recipe import build

transformers = pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "fine", "dull", "film", "##s"]


@pytest.fixture
def tokenizer(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    return transformers.BertTokenizer(str(tmp_path / "vocab.txt"))


def test_a_text_becomes_its_word_numbers(tokenizer):
    assert TextPreprocessing(tokenizer, 16).prepare("A fine films zzz") == [2, 5, 6, 8, 9, 1, 3]


def test_a_long_text_is_cut_and_keeps_its_last_special_token(tokenizer):
    assert TextPreprocessing(tokenizer, 4).prepare("a fine dull film") == [2, 5, 6, 3]


def test_a_text_is_never_varied(tokenizer):
    text, generator = TextPreprocessing(tokenizer, 16), torch.Generator().manual_seed(0)
    before = generator.get_state()
    assert text.augment("a film", generator, True) == text.prepare("a film")
    assert torch.equal(generator.get_state(), before)


def test_a_batch_is_padded_to_its_longest_text(tokenizer):
    batch = TextPreprocessing(tokenizer, 16).collate([[2, 5, 3], [2, 5, 6, 8, 3]])
    assert batch["input_ids"].tolist() == [[2, 5, 3, 0, 0], [2, 5, 6, 8, 3]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]
    assert batch["input_ids"].dtype == torch.int64


def test_a_batch_of_one_and_texts_without_a_token_have_a_shape(tokenizer):
    text = TextPreprocessing(tokenizer, 16)
    assert text.collate([[2, 3]])["input_ids"].tolist() == [[2, 3]]
    assert text.collate([[], []])["attention_mask"].tolist() == [[0], [0]]


def test_described_saved_and_rebuilt_it_gives_the_same_numbers(tokenizer, tmp_path):
    ours = TextPreprocessing(tokenizer, 7)
    ours.save(tmp_path / "bundle")
    described = json.loads(json.dumps(ours.describe()))
    assert described["folder"] == "bundle:tokenizer"
    again = build(described | {"folder": str(tmp_path / "bundle" / "tokenizer")})
    text = "a fine dull film films and more of it"
    assert again.prepare(text) == ours.prepare(text)
    assert again.describe() == ours.describe()


def test_a_tokenizer_without_padding_is_refused(tokenizer):
    tokenizer.pad_token = None
    with pytest.raises(ConfigError, match="no padding token"):
        TextPreprocessing(tokenizer, 16)


def test_a_length_without_room_is_refused(tokenizer):
    with pytest.raises(ConfigError, match="max_length=2"):
        TextPreprocessing(tokenizer, 2)


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="nowhere"):
        from_folder(tmp_path / "nowhere", 16)
    with pytest.raises(CheckpointError, match="cannot be read"):
        from_folder(tmp_path, 16)

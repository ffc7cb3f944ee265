import numpy as np
import pytest
import torch
from PIL import Image


class Plain:
    """An image preprocessing with nothing hidden: pixels, plus one random number when varied."""

    kind = "image"

    def prepare(self, sample):
        return torch.from_numpy(np.asarray(sample.convert("L")).astype("float32"))[None]

    def augment(self, sample, generator, flip):
        return self.prepare(sample) + torch.rand(1, generator=generator) + 10 * flip

    def collate(self, prepared):
        return torch.stack(list(prepared))

    def describe(self):
        return {}

    def save(self, folder):
        pass


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder


@pytest.fixture
def preprocessing():
    return Plain()


@pytest.fixture
def write_image():
    """Writes a picture of noise, another one for every path."""

    def write(path, mode="RGB", size=(12, 10)):
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(list(str(path).encode())).integers(0, 256, (size[1], size[0], 3))
        Image.fromarray(noise.astype(np.uint8)).convert(mode).save(path)
        return path

    return write


@pytest.fixture
def image_folder(tmp_path, write_image):
    """Builds root/SPLIT/CLASS/I.png for counts such as {"train": {"ant": 3, "bee": 4}}."""

    def build(splits, root=tmp_path / "images"):
        for split, classes in splits.items():
            for name, count in classes.items():
                (root / split / name).mkdir(parents=True, exist_ok=True)
                for number in range(count):
                    write_image(root / split / name / f"{number}.png")
        return root

    return build

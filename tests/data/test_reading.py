from torch.utils.data import DataLoader, Dataset

from tlx.data.reading import Reading


class Noted(Dataset):
    def __init__(self, reading):
        self.reading = reading

    def __len__(self):
        return 4

    def __getitem__(self, index):
        self.reading.note(10 + index)
        return index


def test_a_note_of_a_loading_process_is_seen_outside_of_it():
    reading = Reading(2)
    assert [reading.by(worker) for worker in (0, 1)] == [None, None]
    list(DataLoader(Noted(reading), num_workers=2, multiprocessing_context="fork"))
    assert [reading.by(worker) for worker in (0, 1)] == [12, 13]


def test_a_process_that_loads_for_itself_notes_nothing():
    reading = Reading(0)
    reading.note(3)
    assert reading.by(0) is None

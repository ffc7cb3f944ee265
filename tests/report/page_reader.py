"""A page as a reader sees it: its tags and its words."""

from html.parser import HTMLParser

from tlx.report.page import write_page


class Page(HTMLParser):
    """The tags with their attributes, the text, and which tags were left open."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.text += " "
        if tag not in ("meta", "img", "br", "link", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    @property
    def words(self) -> str:
        return " ".join(self.text.replace("\u00a0", " ").split())


def read(run) -> Page:
    return Page(write_page(run).read_text(encoding="utf-8"))

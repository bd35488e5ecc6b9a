"""How notices look."""

import webbrowser
from io import StringIO

import pytest
from rich.console import Console

from smolhog.child import Notice, NoticeKind
from smolhog.terminal import NoticePrinter, open_page


def shown(notice: Notice, *, verbose: bool = False) -> str:
    """What a person sees of a notice."""
    out = StringIO()
    NoticePrinter(Console(file=out, width=120), verbose=verbose)(notice)
    return out.getvalue()


def test_plain_output_is_shown_when_asked_for() -> None:
    """Errors and what happens to a process are always shown, the rest with --verbose."""
    plain = Notice(NoticeKind.LINE, "gateway", "hello")
    assert shown(plain) == ""
    assert shown(plain, verbose=True) == "   gateway | hello\n"
    assert shown(Notice(NoticeKind.ERROR, "gateway", "no disk")) == "   gateway | no disk\n"


def test_last_words_stand_under_their_notice_as_they_are() -> None:
    """Brackets in a child's output are no markup."""
    notice = Notice(NoticeKind.STUCK, "postgres", "ended", ("[error] bad [/x]",))
    assert shown(notice) == "  postgres | ended\n           |   [error] bad [/x]\n"


def test_a_terminal_that_is_gone_is_no_obstacle() -> None:
    """The children are stopped in order even when nobody can be told."""
    terminal = _Closed()
    printer = NoticePrinter(Console(file=terminal, width=120), verbose=False)
    printer(Notice(NoticeKind.STOPPED, "gateway", "stopped"))
    assert terminal.tries == 1


def test_a_machine_without_a_browser_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--open` on a server is a mistake that does no harm."""
    opened: list[str] = []

    def refuse(url: str) -> bool:
        opened.append(url)
        return False

    monkeypatch.setattr(webbrowser, "open", refuse)
    open_page("http://127.0.0.1:8401/")
    assert opened == ["http://127.0.0.1:8401/"]
    assert "no browser here" in capsys.readouterr().out


class _Closed(StringIO):
    tries = 0

    def write(self, _text: str) -> int:
        self.tries += 1
        raise OSError(5, "Input/output error")

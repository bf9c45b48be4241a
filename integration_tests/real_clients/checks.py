"""The one way in which the parts that are written in Python look at something."""


def check(what: str, found: object, expected: object = True) -> None:
    """Prints whether something is as it should be; `run` counts these lines."""
    if found == expected:
        print(f"ok {what}", flush=True)
    else:
        print(f"FAILED {what}\n    found    {found!r}\n    expected {expected!r}", flush=True)


def check_holds(what: str, text: str, part: str) -> None:
    """As above, for a text that holds another."""
    check(what, text if part not in text else part, part)

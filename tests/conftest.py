"""No test depends on what started it: a job runner, `nohup` or a shell's `&` ignore signals, which children inherit."""

import signal

_IGNORED_BY_PYTHON = {signal.SIGPIPE, signal.SIGXFSZ}

for _number in signal.valid_signals() - _IGNORED_BY_PYTHON:
    if signal.getsignal(_number) is signal.SIG_IGN:
        _is_interrupt = _number == signal.SIGINT
        signal.signal(_number, signal.default_int_handler if _is_interrupt else signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, ())

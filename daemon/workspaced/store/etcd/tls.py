"""TLS to a member of etcd: its settings out of the files, and its failures in words."""

import errno
import ssl
from pathlib import Path
from typing import Final

from workspaced.store.etcd.address import EtcdAddress
from workspaced.store.etcd.failures import NotApplied, shown

PIPE: Final = "it is a pipe, or something else that is no file"


def is_pipe(path: Path) -> bool:
    """Return whether a read of the path may wait for ever. The files are read again at each connection."""
    return path.exists() and not path.is_file() and not path.is_dir()


def settings(url: str, address: EtcdAddress) -> ssl.SSLContext:
    """Return the settings of TLS, with what lies in the files now. Raises NotApplied, which names the file."""
    files = {
        "etcd_ca_file": address.ca_file,
        "etcd_cert_file": address.cert_file,
        "etcd_key_file": address.key_file,
    }
    for setting, path in files.items():
        _must_be_readable(url, setting, path)
    try:
        context = ssl.create_default_context(cafile=address.ca_file)
    except (OSError, ValueError) as error:
        reason = "it holds no certificate in PEM"
        raise _wrong_file(url, "etcd_ca_file", address.ca_file, reason) from error
    if address.cert_file is not None:
        try:
            # The empty password: a key that needs one is an error here, else OpenSSL would ask at the terminal.
            context.load_cert_chain(address.cert_file, address.key_file, password="")
        except (OSError, ValueError) as error:
            key_file = address.key_file or address.cert_file
            raise NotApplied(
                url,
                f"can't be reached over TLS with {shown(str(address.cert_file))} and {shown(str(key_file))} "
                "(they are not a certificate and its private key, in PEM, without a password)",
                "correct the settings `etcd_cert_file` and `etcd_key_file`",
                errno.EINVAL,
            ) from error
    return context


def is_certain(error: ssl.SSLError, *, is_sent: bool) -> bool:
    """Return whether a failure of TLS tells why nothing was applied, in contrast to a connection that broke."""
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError):
        return False
    # In TLS 1.3 a member refuses a certificate after the request was sent, but then it never reads the request.
    return not is_sent or "ALERT" in (error.reason or "")


def told(error: ssl.SSLError, *, has_certificate: bool) -> tuple[str, str]:
    """Return a failure of TLS as a problem and an advice."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = shown(error.verify_message)
        if "mismatch" in why:
            return (
                f"shows a certificate for another name ({why})",
                "write in `etcd_endpoints` a name that is in it",
            )
        if "expired" in why or "not yet valid" in why:
            return (
                f"shows a certificate out of its time ({why})",
                "renew it, or set the clock of this machine",
            )
        return (
            f"shows a certificate that nobody vouches for ({why})",
            "set `etcd_ca_file` to the certificate of its authority",
        )
    reason = error.reason or ""
    if "ALERT" in reason:
        if has_certificate:
            return (
                f"refuses our certificate ({reason.lower().replace('_', ' ')})",
                "check `etcd_cert_file` and `etcd_key_file`",
            )
        return "asks for a certificate", "set `etcd_cert_file` and `etcd_key_file`"
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"):
        return "does not speak TLS", "write http:// in `etcd_endpoints`"
    return (
        f"fails at TLS ({shown(str(error))})",
        "see the log of etcd, and check the files of its certificates and ours",
    )


def _must_be_readable(url: str, setting: str, path: Path | None) -> None:
    if path is None:
        return
    if is_pipe(path):
        raise _wrong_file(url, setting, path, PIPE)
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise _wrong_file(url, setting, path, error.strerror or str(error)) from error


def _wrong_file(url: str, setting: str, path: Path | None, reason: str) -> NotApplied:
    return NotApplied(
        url,
        f"can't be reached over TLS with {shown(str(path))} ({reason})",
        f"correct the setting `{setting}`",
        errno.EINVAL,
    )

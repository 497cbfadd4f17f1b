"""Certificates made by openssl: an authority, and what it vouches for."""

import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

import pytest

OPENSSL: Final = shutil.which("openssl")

needs_openssl: Final = pytest.mark.skipif(OPENSSL is None, reason="openssl is not installed")


class Certificate(NamedTuple):
    """The files of a certificate and its private key, both in PEM."""

    certificate: Path
    key: Path


class Authority:
    """An authority of a test, whose files lie in a directory."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self._directory = directory
        self.own = Certificate(directory / f"{name}.pem", directory / f"{name}.key")
        _openssl(
            *_new_key(self.own.key),
            "-x509",
            "-subj",
            f"/CN={name}",
            "-days",
            "2",
            "-out",
            self.own.certificate,
        )

    def issue(self, name: str, *, alternative: str = "IP:127.0.0.1", days: int = 2) -> Certificate:
        """Return a new certificate for servers and clients, which has expired where `days` is negative."""
        made = Certificate(self._directory / f"{name}.pem", self._directory / f"{name}.key")
        request, extensions = self._directory / f"{name}.csr", self._directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative}\nextendedKeyUsage=serverAuth,clientAuth\n")
        _openssl(*_new_key(made.key), "-subj", f"/CN={name}", "-out", request)
        _openssl(
            *("x509", "-req", "-in", request, "-CA", self.own.certificate, "-CAkey", self.own.key),
            *("-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", made.certificate),
        )
        return made


def locked(key: Path, copy: Path) -> Path:
    """Write a copy of a private key that needs a password, and return its path."""
    _openssl("ec", "-in", key, "-aes256", "-passout", "pass:secret", "-out", copy)
    return copy


def _new_key(path: Path) -> tuple[str | Path, ...]:
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    return ("req", *curve, "-nodes", "-keyout", path)


def _openssl(*arguments: str | Path) -> None:
    assert OPENSSL is not None
    subprocess.run([OPENSSL, *arguments], check=True, capture_output=True, timeout=30)

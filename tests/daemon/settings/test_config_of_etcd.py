"""The settings of a store in etcd: their forms in file, environment and arguments, and the sentences about wrong ones."""

import os
from pathlib import Path

import pytest

from workspaced.settings.loading import BadConfiguration, load_settings
from workspaced.settings.model import NEED_RESTART, Settings

PAIR = {"etcd_user": "ada", "etcd_password_file": "/secret"}


@pytest.fixture(autouse=True)
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The configuration file of a user who has set nothing in the environment."""
    for name in os.environ:
        if name.startswith("WORKSPACED_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    path = tmp_path / "workspaced" / "config.toml"
    path.parent.mkdir()
    return path


def loaded(**arguments: object) -> Settings:
    return load_settings(arguments, None).settings


def problem(**arguments: object) -> str:
    with pytest.raises(BadConfiguration) as refused:
        loaded(**arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_without_any_setting_etcd_is_looked_for_where_it_listens_by_itself() -> None:
    etcd = loaded().etcd
    assert etcd.address.endpoints == ("http://127.0.0.1:2379",)
    assert etcd.address.prefix == "/workspaced/default/"
    assert etcd.machine is None


def test_endpoints_are_a_list_in_the_file_and_have_commas_elsewhere(
    user_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = ("http://a:2379", "https://b.example:2379", "http://[::1]:2379")
    user_file.write_text(
        'etcd_endpoints = ["http://a:2379/", "https://b.example:2379", "http://[::1]:2379"]\n'
    )
    assert loaded().etcd_endpoints == three
    user_file.unlink()
    monkeypatch.setenv("WORKSPACED_ETCD_ENDPOINTS", f" {three[0]}, {three[1]} ,{three[2]},{three[0]}")
    assert loaded().etcd_endpoints == three
    assert loaded(etcd_endpoints="http://c:1").etcd_endpoints == ("http://c:1",)


@pytest.mark.parametrize(
    "wrong",
    [
        "devbox:2379",
        "http://devbox",
        "ftp://a:1",
        "http://a:1/v3",
        "http://a:70000",
        "http://a:1?x",
        "http://:1",
        ",",
    ],
)
def test_an_endpoint_that_is_none_is_shown(wrong: str) -> None:
    told = problem(etcd_endpoints=wrong)
    assert told.startswith("--etcd-endpoints: it is “")
    assert "must be a URL with a port, such as https://devbox:2379" in told


def test_a_list_of_endpoints_is_one(user_file: Path) -> None:
    for text in ("[]", "5", "true", "[5]", '[["http://a:1"]]'):
        user_file.write_text(f"etcd_endpoints = {text}\n")
        assert problem().startswith(f"`etcd_endpoints` in {user_file}, line 1: it is “")


def test_a_password_in_an_endpoint_is_refused_and_not_shown() -> None:
    told = problem(etcd_endpoints="http://ada:hunter2@devbox:2379")
    assert "etcd_user and etcd_password_file are for that" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    "wrong", ["workspaced", "/", "/a", "a/", "/a//b/", "/a b/", "/ä/", "/" + "a" * 256 + "/"]
)
def test_a_prefix_begins_and_ends_with_a_slash(wrong: str) -> None:
    told = problem(etcd_prefix=wrong)
    assert told.startswith("--etcd-prefix: it is “/") or "it is “" in told
    assert "with a slash before and after each, such as /workspaced/default/" in told


@pytest.mark.parametrize("wrong", ["dev box", "-v", "a:b", "a/b", "ä", "x" * 254, "a\n", 5, True])
def test_a_machine_has_a_name_that_ssh_can_take(wrong: object) -> None:
    assert "a letter or a digit first" in problem(machine=wrong)


def test_settings_that_need_another_one_name_it(user_file: Path) -> None:
    user_file.write_text('etcd_user = "ada"\netcd_key_file = "/k"\netcd_endpoints = ["https://a:1"]\n')
    assert problem().split("; ") == [
        f"`etcd_key_file` in {user_file}, line 2: it needs `etcd_cert_file` too",
        f"`etcd_user` in {user_file}, line 1: it needs `etcd_password_file` too.",
    ]
    assert problem(**PAIR).startswith("`etcd_key_file`")
    user_file.unlink()
    assert loaded(**PAIR).etcd.address.user == "ada"
    assert "--etcd-password-file: it needs `etcd_user` too" in problem(etcd_password_file=Path("/p"))


def test_files_for_tls_and_an_endpoint_without_it_do_not_go_together() -> None:
    """Who names a certificate must not get a connection that anybody on the way reads."""
    mixed = "https://a:1,http://b:2"
    assert problem(etcd_ca_file="/ca", etcd_endpoints=mixed) == (
        "--etcd-ca-file: it is for https, but one of `etcd_endpoints` is http://b:2."
    )
    assert "http://127.0.0.1:2379" in problem(etcd_cert_file="/c")
    assert loaded(etcd_ca_file="/ca", etcd_endpoints="https://a:1").etcd.address.ca_file == Path("/ca")


def test_its_files_are_absolute_or_in_the_home(user_file: Path) -> None:
    user_file.write_text('etcd_ca_file = "ca.crt"\n')
    assert problem().startswith(f"`etcd_ca_file` in {user_file}, line 1 is 'ca.crt': give an absolute path")
    user_file.write_text('etcd_ca_file = "~/ca.crt"\netcd_endpoints = ["https://a:1"]\n')
    assert loaded().etcd_ca_file == Path("/home/ada/ca.crt")


def test_all_of_them_need_a_restart() -> None:
    names = {name for name in loaded().by_name() if name.startswith("etcd_")}
    assert len(names) == 8
    assert {*names, "machine", "store"} <= NEED_RESTART

"""Tables of mounts as Linux writes them: which file system a path lies on, and which are doubtful."""

import pytest

from workspaced_protocol.mounts import doubt_about, file_system_of

TABLE = rb"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
23 22 0:20 / /tmp rw,nosuid shared:2 - tmpfs tmpfs rw,size=1024k
24 22 0:21 / /home/me/on\040the\134net rw shared:3 master:1 - nfs4 server:/export rw
25 22 0:22 / /data rw - tmpfs below rw
26 25 0:23 / /data rw - xfs above rw
27 22 0:24 / /data/inner rw - fuse.sshfs host: rw
no mount at all
""".strip()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/srv/data", "ext4"),
        (b"/", "ext4"),
        (b"/tmp", "tmpfs"),
        (b"/tmp/deep/below", "tmpfs"),
        (b"/tmpfoo", "ext4"),
        (b"/home/me/on the\\net/x", "nfs4"),
        (b"/home/me/on", "ext4"),
        (b"/data/x", "xfs"),
        (b"/data/inner/x", "fuse.sshfs"),
        (b"/data/innermost", "xfs"),
    ],
)
def test_the_longest_mount_point_above_a_path_counts_and_the_later_of_two(path: bytes, expected: str) -> None:
    assert file_system_of(path, TABLE) == expected


def test_without_a_table_nothing_is_known() -> None:
    assert file_system_of(b"/x", b"") == ""
    assert doubt_about("") is None


@pytest.mark.requirement("FR-005")
def test_memory_and_networks_are_doubtful_and_disks_are_not() -> None:
    for kind in ("tmpfs", "ramfs"):
        assert "lost when the machine restarts" in (doubt_about(kind) or "")
    for kind in ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph"):
        assert "over a network" in (doubt_about(kind) or "")
    for kind in ("ext4", "xfs", "btrfs", "apfs", "zfs", "overlay"):
        assert doubt_about(kind) is None

"""The projects that JetBrains' programs have opened lately."""

import pytest

from support.other_programs import recent_projects
from workspaced_client.exchange.elsewhere.jetbrains import decode
from workspaced_client.exchange.json_text import LeftOut, OtherFormat, Unusable
from workspaced_client.exchange.listed import Listed, Listing

FILE, HOME = "/e/recentProjects.xml", "/home/ada"

GROUPS = """<option name="groups"><list>
  <ProjectGroup><option name="name" value="Team &amp; co" /><option name="projects"><list>
    <option value="$USER_HOME$/api" /><option value="/srv/web" /></list></option></ProjectGroup>
  <ProjectGroup><option name="projects"><list><option value="$USER_HOME$/api" /></list></option>
    <option name="name" value="Second" /></ProjectGroup>
  <ProjectGroup><option name="name" value="Empty" /></ProjectGroup>
  <ProjectGroup />
</list></option>"""
INFO = """<RecentProjectMetaInfo frameTitle="api – main.py" displayName="The API" projectWorkspaceId="2a">
  <option name="activationTimestamp" value="1747345678901" /><frame x="1" y="2" /></RecentProjectMetaInfo>"""


def decoded(text: str) -> Listing:
    return decode(FILE, text.encode(), HOME)


def test_paths_names_and_groups() -> None:
    text = recent_projects({"$USER_HOME$/api": INFO, "/srv/web": "", "/srv/caf&#233;": ""}, groups=GROUPS)
    assert decoded(text) == Listing(
        (
            Listed("/home/ada/api", "The API", ("Team & co", "Second")),
            Listed("/srv/web", "", ("Team & co",)),
            Listed("/srv/café"),
        ),
        has_uses=True,
    )
    assert decode(FILE, f"\ufeff{text}".encode("utf-16-le"), HOME) == decoded(text)


@pytest.mark.parametrize("component", ["RecentProjectsManager", "RecentDirectoryProjectsManager"])
def test_the_list_of_a_release_before_2020(component: str) -> None:
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<application><component name="Other"><option name="recentPaths"><list><option value="/no" /></list></option></component>
<component name="{component}"><option name="recentPaths"><list>
<option value="$USER_HOME$/a" /><option value="/b" /><option /></list></option></component></application>"""
    assert decoded(text) == Listing((Listed("/home/ada/a"), Listed("/b")))


def test_a_solution_stands_for_its_directory() -> None:
    text = recent_projects(
        {"$USER_HOME$/shop/Shop.sln": "", "/srv/App.slnx": ""}, component="RiderRecentProjectsManager"
    )
    assert decoded(text).projects == (Listed("/home/ada/shop"), Listed("/srv"))


def test_what_can_not_be_used_is_left_out_with_the_reason() -> None:
    hidden = '<RecentProjectMetaInfo hidden="true" displayName="Scratch" />'
    paths = [
        "$APPLICATION_CONFIG_DIR$/light",
        "C:/src",
        "//wsl$/Ubuntu/home/ada",
        "ssh://box/srv",
        "code",
        "",
    ]
    listing = decoded(recent_projects({"/h": hidden, **dict.fromkeys(paths, ""), "/good": ""}))
    assert listing.projects == (Listed("/good"),)
    assert listing.left_out == (
        LeftOut("Scratch", "/h", "it is hidden in the program that lists it"),
        LeftOut(
            "", "$APPLICATION_CONFIG_DIR$/light", "it begins with a variable of the program that lists it"
        ),
        LeftOut("", "C:/src", "it is a Windows path"),
        LeftOut("", "//wsl$/Ubuntu/home/ada", "it is a Windows path"),
        LeftOut("", "ssh://box/srv", "it is not a folder on this machine"),
        LeftOut("", "code", "it is not an absolute path"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "<application />",
        '<application><component name="GeneralSettings" /></application>',
        "<project><component name='RecentProjectsManager' /></project>",
        "<html><br></html>",
        "<!DOCTYPE html><html></html>",
    ],
)
def test_another_format_is_told_as_such(text: str) -> None:
    with pytest.raises(OtherFormat, match=FILE):
        decoded(text)


BOMB = """<!DOCTYPE application [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<application><component name="RecentProjectsManager"><option name="&b;" /></component></application>"""
FOREIGN = '<!DOCTYPE application SYSTEM "file:///etc/passwd"><application>&x;</application>'
WHOLE = recent_projects({"/a": ""})


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (BOMB.encode(), "line 1: a document type (<!DOCTYPE>) is refused"),
        (FOREIGN.encode(), "line 1: a document type (<!DOCTYPE>) is refused"),
        (WHOLE.replace("<map>", "<map>" + "<a>" * 100_000).encode(), "elements are nested more than 64 deep"),
        (WHOLE[:-30].encode(), "line 6, column 1: the file ends here, in the middle of its XML"),
        (
            WHOLE[: WHOLE.index("</map>")].encode(),
            "line 5, column 1: the file ends here, in the middle of its XML",
        ),
        (WHOLE.replace('key="/a"', 'key="/a').encode(), "line 4, column "),
        (WHOLE.replace("/a", "&nbsp;").encode(), "this is not XML: undefined entity"),
        (WHOLE.replace("/a", "\xe9").encode("latin-1"), "this is not XML: not well-formed (invalid token)"),
        (WHOLE.encode() + b"\0", "this is not XML: "),
        (b'<?xml version="1.0" encoding="klingon"?>' + WHOLE.encode(), "encoding"),
        (b'<?xml version="1.0" encoding="idna"?>' + WHOLE.encode(), "encoding"),
    ],
)
def test_a_damaged_or_hostile_file_is_refused_with_the_place(data: bytes, problem: str) -> None:
    with pytest.raises(Unusable) as caught:
        decode(FILE, data, HOME)
    assert str(caught.value).startswith(FILE)
    assert problem in str(caught.value)

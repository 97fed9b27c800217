"""Slots: the names of their units and sockets, and what checks one of them."""

from __future__ import annotations

import pytest

from relstore.errors import UsageError
from relstore.formats.command import Command
from relstore.formats.cut_over import COMMAND, LINK, CutOver, check_socket, other
from relstore.formats.front import Front
from relstore.formats.names import BackendName, TemplateName, UnitFileName
from relstore.formats.recipe import Health, Http, Recipe

WEB = CutOver(TemplateName.parse("web@"), LINK, "/run/web-{slot}/sock", 60, False, 10_000)


def test_each_slot_has_a_unit_and_a_socket() -> None:
    assert (WEB.unit("a"), WEB.unit("b")) == ("web@a.service", "web@b.service")
    assert WEB.socket_of("b") == "/run/web-b/sock"
    assert (other("a"), other("b")) == ("b", "a")


def test_a_slot_is_checked_at_its_own_socket() -> None:
    health = Health(
        http=(Http("http://localhost/", socket="/run/web-{slot}/sock"),),
        commands=(Command(("check", "--slot={slot}"), 5),),
    )
    recipe = Recipe(health=health, cut_over=WEB)
    mine = recipe.for_slot("b")
    assert mine.units.names == ("web@b.service",)
    assert mine.health.http[0].socket == "/run/web-b/sock"
    assert mine.health.commands[0].words == ("check", "--slot=b")
    assert recipe.unit_names == ("web@a.service", "web@b.service")
    assert not recipe.checks_nothing
    assert not recipe.restarts_nothing


def test_the_stages_of_the_traffic() -> None:
    assert WEB.stages(proved=False) == (100,)
    gradual = WEB._replace(way=COMMAND, front=Front((10, 50), None, Command(("move",), 60)))
    assert gradual.stages(proved=False) == (10, 50, 100)
    assert gradual.stages(proved=True) == (100,)


@pytest.mark.parametrize("text", ["", "a b", "web;", "web/x", "web\n", "x" * 201, "é"])
def test_what_is_no_backend(text: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a backend"):
        BackendName.parse(text)


@pytest.mark.parametrize("path", ["run/web-{slot}", "/run/web", "", "/run/{slot}\0", f"/{'x' * 106}{{slot}}"])
def test_where_no_slot_can_listen(path: str) -> None:
    with pytest.raises(UsageError, match="cannot be where slots listen"):
        check_socket(path)


def test_the_longest_socket() -> None:
    assert check_socket(f"/{'x' * 105}{{slot}}")


def test_the_directory_of_a_managers_sockets_is_filled_in_on_the_host() -> None:
    assert check_socket("{runtime}/web-{slot}/sock")
    for bad in ("{runtime}web-{slot}", "/x/{runtime}", "{runtime}/" + "x" * 90 + "{slot}"):
        with pytest.raises(UsageError):
            check_socket(bad)
    cut_over = WEB._replace(socket="{runtime}/web-{slot}/sock")
    requests = (Http("http://a/", socket="{runtime}/web-{slot}/sock"), Http("http://a/", socket="/x"))
    recipe = Recipe(health=Health(http=requests), cut_over=cut_over).on_host("/run/user/1000")
    assert recipe.cut_over is not None
    assert recipe.cut_over.socket == "/run/user/1000/web-{slot}/sock"
    assert [request.socket for request in recipe.health.http] == ["/run/user/1000/web-{slot}/sock", "/x"]
    assert Recipe().on_host("/run") == Recipe()


@pytest.mark.parametrize("text", ["web", "web@a", "@", "a b@", "web@.socket", "-@", "x" * 300 + "@"])
def test_what_is_no_template(text: str) -> None:
    with pytest.raises(UsageError):
        TemplateName.parse(text)


@pytest.mark.parametrize(
    "text", ["web.service", "web@.service", "web@a.service", "web.socket", "web@.socket"]
)
def test_the_names_of_files(text: str) -> None:
    assert UnitFileName.parse(text) == text


def test_a_template_has_the_instances_that_are_named() -> None:
    assert UnitFileName.parse("web@.socket").instances("ab") == ["web@a.socket", "web@b.socket"]
    assert UnitFileName.parse("web.socket").instances("ab") == ["web.socket"]


@pytest.mark.parametrize("text", ["web@.timer", "@.socket", "a b@.socket", "../web@.socket"])
def test_what_is_no_file_of_units(text: str) -> None:
    with pytest.raises(UsageError):
        UnitFileName.parse(text)

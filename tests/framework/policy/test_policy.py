"""The data policy of a session, with a real Redis and a real disk."""

from __future__ import annotations

import time

import pytest

from ronda.framework.errors import BadValue, NotReady
from ronda.framework.policy.place import Place
from ronda.framework.policy.policy import DataPolicy
from tests.framework.policy.conftest import Writer, at_once


def folders(writer):
    return sorted(
        str(path.relative_to(writer.paths.root)) for path in writer.paths.root.rglob("RAW_DATA/*/*") if path.is_dir()
    )


def test_without_a_proposal_data_belong_nowhere_in_particular(policy):
    assert policy.place == Place()
    assert policy.belonging().place == Place()


def test_a_proposal_begins_with_the_day_and_a_first_collection(policy):
    before = time.strftime("%Y%m%d")
    place = policy.newproposal("hg123")
    assert place.proposal_session in (before, time.strftime("%Y%m%d"))
    assert (place.proposal, place.collection, place.dataset) == ("hg123", "sample", "")
    assert policy.place == place


def test_the_first_scan_begins_the_first_dataset_and_the_next_one_goes_on_with_it(policy, writer):
    policy.newproposal("hg123", "20261126")
    assert policy.belonging().place.dataset == "0001"
    assert policy.belonging().place.dataset == "0001"
    assert folders(writer) == ["hg123/demo/20261126/RAW_DATA/sample/sample_0001"]


def test_a_sample_is_a_collection(policy, writer):
    policy.newproposal("hg123", "20261126")
    policy.newsample("Cu_foil", "6 µm")
    assert policy.belonging().place == Place("hg123", "20261126", "Cu_foil", "Cu_foil", "6 µm", "0001")
    policy.newcollection("maps")
    assert (policy.place.collection, policy.place.sample, policy.place.dataset) == ("maps", "Cu_foil", "")
    policy.newcollection("maps", "Fe")
    assert (policy.place.sample, policy.place.sample_description) == ("Fe", "")


def test_a_dataset_that_exists_gets_a_number_behind_its_name(policy, writer):
    policy.newproposal("hg123", "20261126")
    assert [policy.newdataset("edge").dataset for _ in range(3)] == ["edge", "edge_0002", "edge_0003"]
    assert [policy.newdataset(number).dataset for number in ("", 1, "")] == ["0001", "0001_0002", "0002"]
    policy.newsample("other")
    assert policy.newdataset("edge").dataset == "edge"
    assert policy.newproposal("hg123", "20261127")
    assert policy.newdataset("edge").dataset == "edge"


def test_a_dataset_that_is_on_disk_alone_is_not_used_again(policy, writer, redis_server):
    policy.newproposal("hg123", "20261126")
    policy.newdataset("edge")
    with redis_server.client() as client:
        client.flushall()
    policy.newproposal("hg123", "20261126")
    assert policy.newdataset("edge").dataset == "edge_0002"


def test_a_dataset_that_redis_alone_knows_is_not_used_again(policy, new_beamline, writer):
    policy.newproposal("hg123", "20261126")
    policy.newdataset("edge")
    for path in folders(writer):
        (writer.paths.root / path).rmdir()
    assert policy.newdataset("edge").dataset == "edge_0002"
    assert folders(writer) == ["hg123/demo/20261126/RAW_DATA/sample/sample_edge_0002"]


def test_one_may_go_on_with_a_dataset_that_exists(policy):
    policy.newproposal("hg123", "20261126")
    policy.newdataset("edge")
    policy.newdataset("other")
    assert policy.newdataset("edge", append=True).dataset == "edge"
    assert policy.newdataset("new", append=True).dataset == "new"
    assert policy.newdataset("new").dataset == "new_0002"


def test_after_its_end_the_next_scan_begins_the_next_dataset(policy):
    policy.newproposal("hg123", "20261126")
    policy.belonging()
    policy.enddataset()
    assert policy.place.dataset == ""
    assert policy.belonging().place.dataset == "0002"


def test_the_end_of_a_proposal_leads_back(policy):
    policy.add_metadata({"operator": "me"})
    policy.newproposal("hg123", "20261126")
    assert policy.metadata() == {}, "what the one before wrote down is not written into this one's files"
    policy.add_metadata({"operator": "you"})
    policy.endproposal()
    assert (policy.place, policy.metadata()) == (Place(), {})


def test_two_sessions_that_begin_a_dataset_of_one_name_at_once_get_two(new_beamline, writer):
    policies = [DataPolicy(new_beamline(), f"session{number}") for number in range(6)]
    for policy in policies:
        policy.newproposal("hg123", "20261126")
    begun = at_once(*(lambda policy=policy: policy.newdataset("edge").dataset for policy in policies))
    assert sorted(begun) == ["edge", *(f"edge_{number:04d}" for number in range(2, 7))]
    assert len(folders(writer)) == 6


def test_two_clients_of_one_session_begin_one_dataset_for_both(new_beamline):
    policies = [DataPolicy(new_beamline(), "shared") for _ in range(4)]
    policies[0].newproposal("hg123", "20261126")
    begun = at_once(*(lambda policy=policy: policy.belonging().place.dataset for policy in policies))
    assert len(set(begun)) == 1
    assert policies[0].place.dataset == begun[0]


def test_sessions_do_not_see_each_others_places(new_beamline):
    one, other = DataPolicy(new_beamline(), "one"), DataPolicy(new_beamline(), "other")
    one.newproposal("hg123")
    assert other.place == Place()


def test_it_survives_a_kill_of_redis(redis_server, new_beamline, policy):
    with redis_server.client() as client:
        client.config_set("appendfsync", "always")
    policy.newproposal("hg123", "20261126")
    policy.newdataset("edge")
    policy.add_metadata({"operator": "me"})
    redis_server.kill()
    redis_server.start()
    again = DataPolicy(new_beamline(), "")
    assert (again.place.dataset, again.metadata()) == ("edge", {"operator": "me"})


def test_without_an_answer_of_a_writer_no_dataset_begins(policy, writer):
    policy.newproposal("hg123", "20261126")
    writer.silent = True
    with pytest.raises(NotReady, match="no writer answers: nexus_writer: its server is not running"):
        policy.newdataset("edge")
    with pytest.raises(NotReady, match="no writer answers"):
        policy.belonging()
    assert policy.belonging(save=False).place.dataset == ""
    assert policy.folder(policy.place) == ""


def test_another_writer_is_asked_if_one_is_silent(new_beamline, writer, tmp_path):
    silent = Writer(tmp_path / "data")
    silent.silent = True
    policy = DataPolicy(new_beamline(silent, writer))
    policy.newproposal("hg123", "20261126")
    assert policy.newdataset("edge").dataset == "edge"


def test_where_data_go_is_told(policy, writer):
    root = writer.paths.root.resolve()
    assert policy.folder(policy.place) == str(root)
    raw = root / "hg123" / "demo" / "20261126" / "RAW_DATA"
    assert policy.folder(policy.newproposal("hg123", "20261126")) == str(raw / "sample")
    assert policy.folder(policy.newdataset("edge")) == str(raw / "sample" / "sample_edge")


def test_a_dataset_without_a_proposal_lies_below_its_collection(policy, writer):
    policy.newsample("Cu")
    assert policy.newdataset("edge").dataset == "edge"
    assert policy.newdataset("edge").dataset == "edge_0002"
    assert policy.folder(policy.place) == str(writer.paths.root.resolve() / "Cu" / "edge_0002")


@pytest.mark.parametrize(
    ("word", "what"),
    [("newproposal", "proposal"), ("newsample", "sample"), ("newcollection", "collection"), ("newdataset", "dataset")],
)
def test_names_that_cannot_be_folders_are_refused(policy, word, what):
    with pytest.raises(BadValue, match=f"{word}: '../x' cannot be the name of a {what}"):
        getattr(policy, word)("../x")
    assert policy.place == Place()

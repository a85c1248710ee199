"""A node with a Redis that is away, killed, slow, full, wrong or back again: right answers all the time."""

from __future__ import annotations

import re
import signal
import time

import pytest
import requests
from conftest import Server, post_instance
from make_dicom import ct_slice, uids
from redis_service import SlowRedis

QUICK = ("--worker-quiet-period", "0s")


def metric(server: Server, name: str) -> float:
    for line in requests.get(f"{server.url}/metrics").text.splitlines():
        if line.startswith(name + " "):
            return float(line.split()[1])
    raise KeyError(name)


def durations(server: Server) -> dict[str, int]:
    """How many requests took at most so many seconds."""
    found = re.findall(r'^gantry_http_request_duration_seconds_bucket\{.*?le="(.*?)".*?\} (\d+)', requests.get(f"{server.url}/metrics").text, re.M)
    counts: dict[str, int] = {}
    for most, count in found:
        counts[most] = counts.get(most, 0) + int(count)
    return counts


def wait_until(met) -> None:
    while not met():
        time.sleep(0.05)


def use(server: Server) -> tuple[str, str]:
    """Asks for a study before it is there, while it is, and when it is gone."""
    study, series, sop, other = uids(4)
    path = f"{server.dicomweb}/studies/{study}"
    for _ in range(2):
        assert requests.get(path + "/metadata").status_code == 404
        assert requests.get(path + "/series").json() == []
        assert requests.get(f"{server.dicomweb}/studies?StudyInstanceUID={study}").json() == []
    for number, instance in enumerate((sop, other)):
        assert post_instance(server, ct_slice(study, series, instance, number, rows=16, columns=16)).status_code == 200
        assert len(requests.get(path + "/instances").json()) == number + 1
        assert len(requests.get(path + "/metadata").json()) == number + 1
        assert len(requests.get(f"{path}/series/{series}/metadata").json()) == number + 1
    assert requests.delete(f"{path}/series/{series}/instances/{other}").status_code == 204
    for _ in range(2):
        assert [item["00080018"]["Value"] for item in requests.get(path + "/metadata").json()] == [[sop]]
    assert requests.get(f"{path}/series/{series}/instances/{sop}/frames/1").status_code == 200
    assert requests.get(server.url + "/readyz").status_code == 200
    return study, series


def used_again(server: Server) -> bool:
    use(server)
    fills = metric(server, "gantry_redis_fills_total")
    use(server)
    return metric(server, "gantry_redis_available_ratio") == 1 and metric(server, "gantry_redis_fills_total") > fills


def test_marks_and_rows_are_kept_under_the_keys_that_others_read(make_server, redis):
    server = make_server(*QUICK, "--cache-url", redis.url, "--cache-absence-life", "5min", "--cache-study-life", "2h")
    assert ", cache memory, redis://:***@127.0.0.1:" in server.logged("is ready")
    study, series, sop = uids(3)
    requests.get(f"{server.dicomweb}/studies/{study}/series")
    mark = f"db:default:study:{study}:metadata"
    wait_until(lambda: redis.command("GET", mark) == '{"version":0,"absent":true}')
    assert 200 < int(redis.command("TTL", mark)) <= 300
    assert post_instance(server, ct_slice(study, series, sop, 1)).status_code == 200
    wait_until(lambda: metric(server, "gantry_prepared_series_total") == 1)
    rows = f"wado:default:study:{study}:metadata"
    # The first one who asks for the study finds its series prepared, and says so to the others.
    assert requests.get(f"{server.dicomweb}/studies/{study}/metadata").status_code == 200
    kept = redis.command("GET", rows)
    assert kept.startswith('{"version":1,"series":[{"tenant_id":"default",') and series in kept and ".gsj" in kept
    assert 7000 < int(redis.command("TTL", rows)) <= 7200
    assert post_instance(server, ct_slice(study, series, uids(1)[0], 2)).status_code == 200
    wait_until(lambda: redis.command("GET", rows) == '{"version":2}')  # what is older is forgotten


def test_a_redis_that_was_never_there_is_not_missed(make_server):
    server = make_server(*QUICK, "--cache-url", "redis://127.0.0.1:1")
    use(server)
    assert metric(server, "gantry_redis_failures_total") >= 3
    assert metric(server, "gantry_redis_skipped_total") > 0, "it is not asked each time"
    assert metric(server, "gantry_redis_available_ratio") == 0


def test_a_redis_that_comes_only_later_is_used_from_then_on(make_server, redis):
    redis.ask("kill")
    server = make_server(*QUICK, "--cache-url", redis.url)
    use(server)
    assert metric(server, "gantry_redis_fills_total") == 0
    redis.ask("restart")
    wait_until(lambda: used_again(server))


def test_a_redis_that_takes_five_seconds_is_waited_for_by_nobody(make_server, redis):
    slow = SlowRedis(redis.url, 5)
    server = make_server(*QUICK, "--cache-url", slow.url)
    use(server)
    slow.close()
    assert metric(server, "gantry_redis_failures_total") >= 3
    assert metric(server, "gantry_redis_skipped_total") > 0
    assert metric(server, "gantry_redis_fills_total") == metric(server, "gantry_redis_hits_total") == 0
    answered = durations(server)
    assert answered["5"] == answered["+Inf"] > 10, "who had waited for it had taken longer"


def test_a_redis_that_is_killed_is_not_missed_and_used_again_when_it_is_back(make_server, redis):
    server = make_server(*QUICK, "--cache-url", redis.url)
    use(server)
    assert metric(server, "gantry_redis_fills_total") > 0
    redis.ask("kill")
    use(server)
    assert metric(server, "gantry_redis_failures_total") > 0
    redis.ask("restart")
    wait_until(lambda: use(server) and metric(server, "gantry_redis_available_ratio") == 1)
    fills = metric(server, "gantry_redis_fills_total")
    use(server)
    assert metric(server, "gantry_redis_fills_total") > fills


def test_a_redis_that_hangs_holds_nobody_up_for_long(make_server, redis):
    server = make_server(*QUICK, "--cache-url", redis.url)
    use(server)
    redis.ask("stall")
    use(server)
    assert metric(server, "gantry_redis_failures_total") >= 3
    assert metric(server, "gantry_redis_skipped_total") > 0
    redis.ask("resume")
    wait_until(lambda: use(server) and metric(server, "gantry_redis_available_ratio") == 1)


def test_a_redis_that_forgets_everything_costs_nothing_but_time(make_server, redis):
    server = make_server(*QUICK, "--cache-url", redis.url)
    study, _ = use(server)
    redis.command("FLUSHALL")
    assert requests.get(f"{server.dicomweb}/studies/{study}/metadata").status_code == 200
    use(server)


def test_a_full_redis_takes_nothing_and_is_no_failure(make_server, redis):
    server = make_server(*QUICK, "--cache-url", redis.url)
    use(server)
    redis.command("CONFIG", "SET", "maxmemory", "1")
    use(server)
    assert metric(server, "gantry_redis_fills_refused_total") > 0
    assert metric(server, "gantry_redis_available_ratio") == 1
    redis.command("CONFIG", "SET", "maxmemory", "0")
    use(server)


def test_what_others_left_under_our_keys_is_not_believed(make_server, redis):
    server = make_server(*QUICK, "--cache-url", redis.url)
    study, series = use(server)
    for wrong in (("LPUSH", "x"), ("SET", "no text of ours"), ("SET", '{"version":99999999999999999999}'), ("SADD", "x"),
                  ("SET", '{"version":3,"series":[{"series_uid":"1.2","version":3,"json_object":"other/a/b/c.gsj"}]}')):
        for key in (f"wado:default:study:{study}:metadata", f"db:default:study:{study}:metadata",
                    f"wado:default:series:{series}:json_generating", "gantry:default:outbox"):
            redis.command("DEL", key)
            redis.command(wrong[0], key, wrong[1])
        for path in (f"/studies/{study}/metadata", f"/studies/{study}/series/{series}/metadata", f"/studies/{study}/instances"):
            answer = requests.get(server.dicomweb + path)
            assert answer.status_code == 200 and len(answer.json()) == 1
        use(server)


def test_sentinels_lead_to_the_primary_also_when_it_becomes_another_one(make_server, sentinels):
    server = make_server(*QUICK, "--cache-url", sentinels.url)
    said = server.logged("is ready")
    assert sentinels.PASSWORD not in said and sentinels.SENTINELS_PASSWORD not in said
    wait_until(lambda: used_again(server))
    first, second = sentinels.servers
    assert int(sentinels.ask(first, "DBSIZE")) > 0
    # The primary is killed, comes back as a replica, and is needed again when the other one hangs.
    sentinels.signal(first, signal.SIGKILL)
    use(server)
    wait_until(lambda: sentinels.primary() == second)
    wait_until(lambda: used_again(server))
    study, _ = use(server)
    wait_until(lambda: sentinels.ask(second, "GET", f"wado:default:study:{study}:metadata").startswith('{"version":'))
    sentinels.start(first)
    wait_until(lambda: "master_link_status:up" in sentinels.ask(first, "INFO", "replication"))
    sentinels.signal(second, signal.SIGSTOP)
    use(server)
    wait_until(lambda: sentinels.primary() == first)
    wait_until(lambda: used_again(server))
    sentinels.signal(second, signal.SIGCONT)
    wait_until(lambda: used_again(server))
    # One sentinel is enough.
    for port in sentinels.sentinels[:2]:
        sentinels.signal(port, signal.SIGKILL)
    sentinels.ask(first, "CLIENT", "KILL", "TYPE", "normal")
    wait_until(lambda: used_again(server))


@pytest.mark.parametrize("url", ["redis://127.0.0.1:6379/x", "rediss://127.0.0.1?ca=/nowhere", "redis://127.0.0.1?db=3",
                                 "redis+sentinel://127.0.0.1"])
def test_a_cache_url_that_can_not_work_stops_the_start_and_says_why(gantry, tmp_path, url):
    with pytest.raises(AssertionError, match=r"cache.url|cache_url|cache-url"):
        Server(gantry, tmp_path / "data", "--cache-url", url).start()

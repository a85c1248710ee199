"""kill -9 in the middle of a concurrent ingest: what was acknowledged is whole, listed and counted, every time."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time

import requests
from conftest import DATABASES, Server, post_instance, split_multipart
from make_dicom import ct_slice, uids

ROUNDS = int(os.environ.get("GANTRY_KILL_ROUNDS", "6"))
WRITERS = 8


def test_nothing_acknowledged_is_lost_torn_or_miscounted(gantry, tmp_path):
    seed = int(os.environ.get("GANTRY_SEED", str(random.randrange(1 << 30))))
    print(f"GANTRY_SEED={seed}")
    rng = random.Random(seed)
    server = Server(gantry, tmp_path / "data")
    studies = [uids(3) for _ in range(4)]
    acknowledged: dict[str, tuple[str, str, bytes]] = {}
    attempted: dict[str, tuple[str, str, bytes]] = {}

    for round_number in range(ROUNDS):
        server.start()
        stop, lock = threading.Event(), threading.Lock()

        def write(writer: int, base: int = round_number * 1_000_000):
            local = random.Random(f"{seed}-{base}-{writer}")
            number = 0
            while not stop.is_set():
                study, *series = local.choice(studies)
                sop, number = uids(1)[0], number + 1
                data = ct_slice(study, local.choice(series), sop, number, rows=local.choice([16, 64, 256]))
                with lock:
                    attempted[sop] = (study, "", data)
                try:
                    if post_instance(server, data).status_code == 200:
                        with lock:
                            acknowledged[sop] = (study, "", data)
                except requests.RequestException:
                    return

        writers = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
        before = len(acknowledged)
        for writer in writers:
            writer.start()
        wanted = before + rng.randrange(5, 60)
        while len(acknowledged) < wanted:  # so that each round kills a server that is at work
            assert any(writer.is_alive() for writer in writers), "the server went away by itself"
            time.sleep(0.005)
        time.sleep(rng.random() * 0.05)
        server.kill()
        stop.set()
        for writer in writers:
            writer.join()
        assert len(acknowledged) > before

    server.start()
    held = set()
    for study, *_ in studies:
        listed = requests.get(f"{server.dicomweb}/studies/{study}/instances").json()
        held |= {item["00080018"]["Value"][0] for item in listed}
        row = requests.get(f"{server.dicomweb}/studies?StudyInstanceUID={study}").json()
        assert row[0]["00201208"]["Value"] == [len(listed)]
        for series in requests.get(f"{server.dicomweb}/studies/{study}/series").json():
            uid = series["0020000E"]["Value"][0]
            assert series["00201209"]["Value"] == [sum(item["0020000E"]["Value"][0] == uid for item in listed)]
        answer = requests.get(f"{server.dicomweb}/studies/{study}", headers={
            "Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'})
        assert {data for _, data in split_multipart(answer)} == {attempted[sop][2] for sop in held if attempted[sop][0] == study}
    assert set(acknowledged) <= held, "acknowledged instances are gone"
    assert held <= set(attempted)

    # An interrupted store can be sent again at once.
    for sop in list(set(attempted) - held)[:20]:
        assert post_instance(server, attempted[sop][2]).status_code == 200
    server.stop()
    check = subprocess.run([gantry, "fsck", "--data", server.data, *DATABASES.flags(server.data)], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr
    print(f"{ROUNDS} rounds, {len(acknowledged)} acknowledged, {len(held)} held, {len(attempted)} attempted")

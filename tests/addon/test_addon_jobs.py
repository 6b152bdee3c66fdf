# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry of background jobs, with jobs that need no backend."""

import pytest

pytest.importorskip("bpy")


@pytest.fixture
def counting(addon):
    """Give a kind of job that ends after three steps, or fails with an error it is given."""
    from blender_addon.jobs.background_jobs import DONE, Job

    class CountingJob(Job):
        kind = "motion"
        title = "count"

        def __init__(self, uid="", error=None):
            super().__init__(uid)
            self.steps, self.error, self.calls_of_ended = 0, error, 0

        def advance(self):
            self.steps += 1
            if self.error is not None:
                raise self.error
            if self.steps == 3:
                self.end(DONE, "Counted")

        def ended(self):
            self.calls_of_ended += 1

    return CountingJob


def test_a_job_is_found_by_kind_and_portrait_until_the_next_one_starts(counting):
    from blender_addon.jobs import background_jobs

    job = counting("a")
    background_jobs.start(job)
    assert background_jobs.find("motion", "a") is job and background_jobs.running("motion", "a")
    assert background_jobs.find("motion", "b") is None
    assert not background_jobs.running("face", "a")
    background_jobs.wait(job)
    assert (job.state, job.line(), job.steps) == ("done", "Counted", 3)
    job.step()
    assert job.steps == 3 and job.calls_of_ended == 1
    background_jobs.start(counting("a"))
    assert background_jobs.find("motion", "a") is not job


def test_errors_end_a_job_in_one_line(counting):
    from blender_addon import bridge
    from blender_addon.jobs import background_jobs

    cases = (
        (bridge.errors.BadInput("No face"), "failed", "No face"),
        (bridge.errors.Cancelled("Stopped"), "cancelled", "Stopped"),
        (OSError(28, "No space left on device", "/x"), "failed", "No space left on device: /x"),
        (ZeroDivisionError("by 0"), "failed", "The count failed: by 0"),
    )
    for error, state, line in cases:
        job = counting(error=error)
        background_jobs.start(job)
        assert (job.state, job.line()) == (state, line)


def test_opening_a_file_ends_the_jobs_of_portraits_only(counting, blender):
    from blender_addon.jobs import background_jobs

    of_portrait, of_none = counting("a"), counting()
    background_jobs.start(of_portrait)
    background_jobs.start(of_none)
    blender.ops.wm.read_factory_settings(use_empty=True)
    assert of_portrait.state == "cancelled" and background_jobs.find("motion", "a") is None
    assert background_jobs.find("motion") is of_none and not of_none.finished
    background_jobs.clear()
    assert of_none.state == "cancelled" and background_jobs.find("motion") is None


def test_an_answer_arrives_in_the_step_after_its_thread(addon):
    from blender_addon import bridge
    from blender_addon.jobs import background_jobs

    received = []

    class Query(background_jobs.QueryJob):
        kind = "attributes"

        def receive(self, answer):
            received.append(answer)

    job = Query(lambda: 7)
    background_jobs.start(job)
    background_jobs.wait(job)
    assert received == [7] and job.state == "done"

    def fail():
        raise bridge.errors.MissingHere("It does not answer")

    job = Query(fail)
    background_jobs.start(job)
    background_jobs.wait(job)
    assert received == [7] and (job.state, job.line()) == ("failed", "It does not answer")

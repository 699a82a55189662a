"""A plug-in: a policy that kills its process once, where a file says whether it has."""

import os
import signal
from pathlib import Path

import splitgym
from splitgym.baselines.simple import Random


@splitgym.register_policy(name="killer")
class Killer(Random):
    name = "killer"

    def predict(self, *args, **more):
        file = os.environ.get("SPLITGYM_TEST_KILLED")
        if file and not Path(file).exists():
            Path(file).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(*args, **more)

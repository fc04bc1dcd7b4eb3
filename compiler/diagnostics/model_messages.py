"""Every message about model files, their export and their parity (E4xx), each worded as a named function."""

from collections.abc import Collection

from compiler.diagnostics.problem import Problem, Where, listed, problem


def no_file(where: Where, file: str) -> Problem:
    """A model that was never trained here."""
    return problem("E401", where, f"there is no model file {file}", "run train.py: `build` never trains")


def not_locked(where: Where, file: str, lock: str) -> Problem:
    """A model file that the lock does not name."""
    return problem("E402", where, f"{lock} does not name {file}", f"run train.py: it writes the models and {lock}")


def other_bytes(where: Where, file: str, expected: str, actual: str) -> Problem:
    """A model file that is not the locked one."""
    message = f"{file} is not the file that models.lock names: its SHA-256 is {actual}, expected {expected}"
    return problem("E403", where, message, "run train.py, or restore the file")


def not_exportable(where: Where, file: str, reason: str, hint: str) -> Problem:
    """A model file that its exporter cannot use."""
    return problem("E404", where, f"{file} cannot be exported: {reason}", hint)


def other_inputs(where: Where, file: str, n_trained: int, names: Collection[str]) -> Problem:
    """A model trained on another number of inputs."""
    message = f"{file} was trained on {n_trained} inputs, [inputs] declares {len(names)}: {listed(names)}"
    return problem("E405", where, message, "name in [inputs] what it was trained on, in that order, or run train.py")


def other_input(where: Where, file: str, declared: str, trained: str) -> Problem:
    """A model trained on inputs of other names, or in another order."""
    message = f"this input is `{declared}`, {file} was trained on `{trained}` in its place"
    return problem("E405", where, message, "let [inputs] follow the order of training, or run train.py")


def not_runnable(where: Where, file: str, reason: str) -> Problem:
    """A graph that the engine refuses."""
    hint = "train a simpler model, or export it with allowed operators"
    return problem("E406", where, f"the engine cannot run {file}: {reason}", hint)


def no_calibration(where: Where, file: str, expected: str) -> Problem:
    """A file that is no table of calibration points."""
    return problem(
        "E408", where, f"{file} is no calibration: it needs {expected}", "run train.py: it writes the points"
    )


def bad_calibration(where: Where, file: str, line: int) -> Problem:
    """A point that is out of order, or no probability."""
    hint = "let outputs rise and probabilities, within 0 to 1, never fall; isotonic regression gives such points"
    return problem("E408", where, f"line {line} of {file} does not go on with a rising line of probabilities", hint)


def no_parity(where: Where, file: str, failed: str, rows: str) -> Problem:
    """Native and ONNX disagree. `failed` says how often, `rows` shows where."""
    hint = "round features to float32 before training; where only NaN differs, set `missing` of these inputs"
    return problem("E407", where, f"{file} answers otherwise in ONNX, {failed}:\n{rows}", hint)

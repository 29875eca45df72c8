"""Where ops are told how they decompose."""

#: What an op becomes: a function of its arguments, NotImplemented to leave it.
TABLE = {}


def decomposes(*ops):
    """The decorated function is what the ops become."""

    def register(function):
        TABLE.update(dict.fromkeys(ops, function))
        return function

    return register

"""The same as a function, for a worker that stays."""


def main(arguments):
    count = arguments["count"]
    return {"count": count, "numbers": list(range(count))}

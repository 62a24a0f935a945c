#!/usr/bin/env python3
"""Asks DuckDB questions about an archive.

    archive_ask.py VIEWS.sql < QUESTIONS.json

VIEWS.sql is what `cold-path query --duckdb-views` prints; QUESTIONS a list of statements. Prints a list with the rows of
each answer, every value as DuckDB shows it as text and nothing as null.
"""

import json
import sys

import duckdb


def main():
    connection = duckdb.connect()
    with open(sys.argv[1]) as views:
        connection.execute(views.read())
    answers = []
    for question in json.load(sys.stdin):
        rows = connection.execute(question).fetchall()
        answers.append([[None if value is None else str(value) for value in row] for row in rows])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()

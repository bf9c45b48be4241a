"""DuckDB with one thread: RECORD lines in, the CSV of the same columns out.

    duckdb_copy.py typed|text FIELDS MESSAGES CSV
"""

import sys

import duckdb

TYPES = {"string": "VARCHAR", "number": "DOUBLE", "boolean": "BOOLEAN"}

kind, fields, messages, out = sys.argv[1:]
columns = [line.split() for line in open(fields)]
types = {name: TYPES[of] if kind == "typed" else "VARCHAR" for name, of in columns}
data = ", ".join(f'"{name}" {of}' for name, of in types.items())
chosen = ", ".join(f'record.data."{name}" AS "{name}"' for name in types)
connection = duckdb.connect(config={"threads": 1})
connection.execute(f"""
    COPY (
        SELECT {chosen} FROM read_json('{messages}', format = 'newline_delimited', columns = {{
            type: 'VARCHAR', record: 'STRUCT(data STRUCT({data.replace("'", "''")}))'
        }}) WHERE type = 'RECORD'
    ) TO '{out}' (FORMAT csv, HEADER)
""")

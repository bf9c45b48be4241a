"""DuckDB with one thread: reads RECORD lines and writes their columns as CSV.

duckdb_copy.py typed|text FIELDS MESSAGES CSV
"""

import sys
from pathlib import Path

import duckdb

TYPES = {"string": "VARCHAR", "number": "DOUBLE", "boolean": "BOOLEAN"}

kind, fields, messages, out = sys.argv[1:]
columns = [line.split() for line in Path(fields).read_text().splitlines()]
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

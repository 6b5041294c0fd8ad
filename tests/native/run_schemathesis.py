"""Runs schemathesis, with one fault of its HTTP client out of the way.

urllib3 takes the header value "@@@SKIP_HEADER@@@" as a command to itself and refuses it for most headers. The generator of test cases
knows the constants of the modules that are loaded and tries that one too: the request is never sent, and the run ends as an error.
Here such a value is sent like any other, where the command would be refused.
"""

import http.client

import urllib3.connection

OBEYED = ("accept-encoding", "host", "user-agent")
command_or_header = urllib3.connection.HTTPConnection.putheader


def putheader(connection, header, *values):
    name = header.decode("latin-1") if isinstance(header, bytes) else header
    sends = command_or_header if name.lower() in OBEYED else http.client.HTTPConnection.putheader
    sends(connection, header, *values)


urllib3.connection.HTTPConnection.putheader = putheader

from schemathesis.cli import schemathesis  # noqa: E402

schemathesis()

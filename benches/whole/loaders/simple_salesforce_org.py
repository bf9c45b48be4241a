"""The simulated org for simple-salesforce."""

import os

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce


class PlainHttp(HTTPAdapter):
    """Sends plain HTTP, which the simulated org speaks; the client makes every URL one of https."""

    def send(self, request, **options):
        request.url = request.url.replace("https://", "http://", 1)
        return super().send(request, **options)


def connect() -> Salesforce:
    """A client with the default settings, signed in as the environment says."""
    session = requests.Session()
    session.mount("https://127.0.0.1:", PlainHttp())
    url, token = os.environ["ORG_URL"], os.environ["ORG_ACCESS_TOKEN"]
    return Salesforce(instance_url=url, session_id=token, version="62.0", session=session)

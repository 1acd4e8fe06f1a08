"""An image in an incident's thread: Slack returns an upload address, accepts the file there, and then shares it."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from receiver.channels.base import DeliveryError, Http, raise_for
from receiver.channels.safe_text import clean
from receiver.channels.slack.api import SlackApi
from receiver.model.delivery.picture import Picture

TITLE, TEXT = 200, 1000
"""Maximum length of a file's title and of its description (`alt_txt`)."""
SLACK = ".slack.com"


async def upload(api: SlackApi, http: Http, picture: Picture, channel: str, thread: str, now: datetime) -> None:
    """Add an image to the thread `thread` of `channel`, both as in Slack's responses. Raises DeliveryError."""
    text = clean(picture.text, TEXT)
    asked = {"filename": picture.name, "length": str(len(picture.png)), "alt_txt": text}
    place = await api.form("files.getUploadURLExternal", asked, now)
    address, file = place.get("upload_url"), place.get("file_id")
    if not (isinstance(address, str) and isinstance(file, str)):
        raise DeliveryError("bad_answer", "files.getUploadURLExternal did not return upload_url and file_id")
    if not trusted(address, api.url):
        raise DeliveryError("refused", "Slack returned an upload address on another host", permanent=True)
    raise_for(await http.post(address, picture.png, {"Content-Type": "image/png"}), now)
    # No `initial_comment`, because Slack interprets it as mrkdwn, but a title and a description as plain text.
    files = [{"id": file, "title": clean(picture.title, TITLE)}]
    shared = {"files": files, "channel_id": channel, "thread_ts": thread}
    await api.write("files.completeUploadExternal", shared, now)


def trusted(address: str, api_url: str) -> bool:
    """Return whether a file may be sent to `address`: Slack's own hosts, or the host that the configuration names."""
    try:
        there, ours = urlsplit(address), urlsplit(api_url)
        same = (there.scheme, there.hostname, there.port) == (ours.scheme, ours.hostname, ours.port)
        theirs = there.scheme == "https" and (there.hostname or "").endswith(SLACK) and there.port in (None, 443)
    except ValueError:
        return False
    # Behind a gateway of the operator's own, the files go through it as well.
    return same or (theirs and (ours.hostname == SLACK[1:] or (ours.hostname or "").endswith(SLACK)))

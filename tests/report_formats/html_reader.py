"""Reads HTML from standard input as a browser's tokenizer does, and tells what is in it as JSON: elements, attributes,
the style sheet with its hash, and the text of the body."""

import base64
import hashlib
import json
import sys
from html.parser import HTMLParser


class Reader(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.attributes, self.style, self.text = [], [], [], "", ""

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [[tag, name, value] for name, value in attributes]
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> ends none of {self.open}"
        self.open.pop()

    def handle_data(self, data):
        if self.open[-1:] == ["style"]:
            self.style += data
        elif "body" in self.open:
            self.text += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    def handle_pi(self, data):
        raise AssertionError(f"an instruction: {data}")

    def unknown_decl(self, data):
        raise AssertionError(f"a declaration: {data}")


reader = Reader()
reader.feed(sys.stdin.buffer.read().decode())
reader.close()
assert not reader.open, f"not closed: {reader.open}"
digest = base64.b64encode(hashlib.sha256(reader.style.encode()).digest()).decode()
told = {"tags": reader.tags, "attributes": reader.attributes, "style": reader.style, "hash": digest, "text": reader.text}
json.dump(told, sys.stdout)

import email, email.policy, html.parser, sys

class Text(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.out, self.off = [], 0
    def handle_starttag(self, tag, attrs):
        self.off += tag in ("script", "style", "template")
        self.out.append(" ")
    def handle_endtag(self, tag):
        self.off -= tag in ("script", "style", "template") and self.off > 0
        self.out.append(" ")
    def handle_data(self, data):
        if not self.off:
            self.out.append(data)

def page(text):
    reader = Text()
    reader.feed(text)
    return "".join(reader.out)

path = sys.argv[1]
data = open(path, "rb").read()
if path.lower().endswith((".html", ".htm", ".xhtml")):
    head = data[:2048].lower()
    charset = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    if b"charset=iso-8859-1" in head or b'charset="iso-8859-1' in head:
        charset = "cp1252"
    print(page(data.decode(charset, "replace")))
else:
    mail = email.message_from_bytes(data, policy=email.policy.default)
    # With the words that stand beside them in French, as in what is compared.
    for label, name in (("De", "from"), ("À", "to"), ("Copie", "cc"), ("Objet", "subject")):
        if mail.get(name):
            print(label, ":", mail[name])
    date = mail["date"] and mail["date"].datetime
    if date:
        # The time of no zone in one way of writing it.
        print("Date :", date.isoformat().replace("+00:00", "Z"))
    body = mail.get_body(preferencelist=("plain", "html"))
    if body is not None:
        text = body.get_content()
        print(page(text) if body.get_content_subtype() == "html" else text)

import json, sys
import pypdf

reader = pypdf.PdfReader(sys.argv[1])
if reader.is_encrypted:
    reader.decrypt("")
found = []
for number, page in enumerate(reader.pages, 1):
    for annot in page.get("/Annots") or []:
        annot = annot.get_object()
        if annot.get("/Subtype") != "/Widget":
            continue
        names, value, node, kind = [], None, annot, None
        for _ in range(32):
            if "/T" in node:
                names.append(str(node["/T"]))
            if value is None and "/V" in node:
                value = node["/V"].get_object()
            kind = kind or node.get("/FT")
            if "/Parent" not in node:
                break
            node = node["/Parent"].get_object()
        if kind not in ("/Tx", "/Ch") or not names:
            value = None
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value or "")
        found.append({"name": ".".join(reversed(names)), "value": text, "page": number})
print(json.dumps(found))

"""Seconds that PDFium takes for the text of every page of the files named."""

import sys
import time

import pypdfium2

began = time.perf_counter()
for path in sys.argv[1:]:
    try:
        document = pypdfium2.PdfDocument(path)
        for number in range(len(document)):
            page = document[number]
            text = page.get_textpage()
            text.get_text_range()
            text.close()
            page.close()
        document.close()
    except pypdfium2.PdfiumError:
        pass  # What PDFium cannot open costs it nothing.
print(time.perf_counter() - began)

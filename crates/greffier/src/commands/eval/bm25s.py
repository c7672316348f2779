import json, sys
import bm25s, Stemmer

asked = json.load(sys.stdin)
stemmer = Stemmer.Stemmer("french")
texts = [text for _, text in asked["passages"]]
owners = [number for number, _ in asked["passages"]]
tokens = lambda texts: bm25s.tokenize(texts, stopwords="french", stemmer=stemmer, show_progress=False)
retriever = bm25s.BM25()
retriever.index(tokens(texts), show_progress=False)
# Enough passages for as many documents as are asked for.
k = min(len(texts), 10 * asked["depth"])
places, scores = retriever.retrieve(tokens(asked["questions"]), k=k, show_progress=False)
answers = []
for found, weights in zip(places, scores):
    documents = []
    for place, weight in zip(found, weights):
        owner = owners[int(place)]
        if weight > 0 and owner not in documents:
            documents.append(owner)
    answers.append(documents[: asked["depth"]])
json.dump(answers, sys.stdout)

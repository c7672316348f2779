import json, sys, time
import bm25s, faiss, numpy, Stemmer

folder = sys.argv[1]
texts = [json.loads(line) for line in open(folder + "/texts.jsonl")]
questions, asked = json.load(open(folder + "/questions.json"))
asked = numpy.array(asked, dtype=numpy.float32)
vectors = numpy.fromfile(folder + "/vectors.f32", dtype=numpy.float32).reshape(len(texts), -1)
faiss.omp_set_num_threads(2)


def timed(ask, n):
    times = []
    for i in range(n):
        began = time.perf_counter()
        ask(i)
        times.append((time.perf_counter() - began) * 1e3)
    times.sort()
    return {"p50_ms": times[n // 2], "p95_ms": times[round((n - 1) * 0.95)]}


stemmer = Stemmer.Stemmer("french")
tokens = lambda texts: bm25s.tokenize(texts, stopwords="french", stemmer=stemmer, show_progress=False)
began = time.perf_counter()
words = bm25s.BM25()
words.index(tokens(texts), show_progress=False)
built = time.perf_counter() - began
out = {"bm25s": timed(lambda i: words.retrieve(tokens(questions[i : i + 1]), k=10, show_progress=False), len(questions))}
out["bm25s"]["indexed_per_second"] = len(texts) / built

flat = faiss.IndexFlatIP(vectors.shape[1])
flat.add(vectors)
out["faiss_flat"] = timed(lambda i: flat.search(asked[i : i + 1], 10), len(questions))
began = time.perf_counter()
graph = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
graph.add(vectors)
built = time.perf_counter() - began
graph.hnsw.efSearch = 64
out["faiss_hnsw"] = timed(lambda i: graph.search(asked[i : i + 1], 10), len(questions))
out["faiss_hnsw"]["indexed_per_second"] = len(texts) / built
right = flat.search(asked, 10)[1]
found = graph.search(asked, 10)[1]
out["faiss_hnsw"]["recall_at_10"] = float(numpy.mean([len(set(a) & set(b)) / 10 for a, b in zip(right, found)]))
json.dump(out, sys.stdout)

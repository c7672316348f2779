import json, sys, time
import numpy as np
from bertopic import BERTopic
from umap import UMAP

asked = json.load(sys.stdin)
vectors = np.array(asked["vectors"], dtype=np.float32)
said = []
for seed in range(1, asked["seeds"] + 1):
    began = time.perf_counter()
    # BERTopic's own UMAP; only the seed is ours.
    umap = UMAP(
        n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", low_memory=False, random_state=seed
    )
    model = BERTopic(umap_model=umap, embedding_model=None)
    topics, _ = model.fit_transform(asked["texts"], vectors)
    seconds = time.perf_counter() - began
    words = [[word for word, _ in model.get_topic(t)] for t in sorted(set(topics)) if t >= 0]
    said.append({"topics": [int(t) for t in topics], "words": words, "seconds": seconds})
json.dump(said, sys.stdout)

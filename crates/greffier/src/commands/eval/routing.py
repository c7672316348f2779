import json, re, sys
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

asked = json.load(sys.stdin)
# As paperless-ngx prepares contents without NLTK: lower case, blanks made one.
texts = [re.sub(r"\s+", " ", text.lower().strip()) for text in asked["texts"]]
labels = asked["labels"]


def paperless():
    vectorizer = CountVectorizer(analyzer="word", ngram_range=(1, 2), min_df=0.01)
    return vectorizer, MLPClassifier(tol=0.01, random_state=0)


def tfidf():
    # Ten, the stronger of two: 61.1 and 57.4 % right with scikit-learn's default of 1 (Luxembourg).
    return TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=300)


def answers(make, train, test):
    vectorizer, model = make()
    model.fit(vectorizer.fit_transform([texts[i] for i in train]), [labels[i] for i in train])
    found = model.predict_proba(vectorizer.transform([texts[i] for i in test]))
    best = found.argmax(axis=1)
    return [[int(model.classes_[b]), float(p[b])] for b, p in zip(best, found)]


names = {"paperless-ngx": paperless, "TF-IDF + LR": tfidf}
said = {name: [answers(make, *split) for split in asked["splits"]] for name, make in names.items()}
json.dump(said, sys.stdout)

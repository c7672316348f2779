//! The word lists that reading names needs, in lower case.

use std::collections::BTreeSet;
use std::sync::LazyLock;

/// A set of words.
pub(super) struct Words(LazyLock<BTreeSet<&'static str>>);

impl Words {
    /// Whether `lower`, a word in lower case, is in the set.
    pub(super) fn has(&self, lower: &str) -> bool {
        self.0.contains(lower)
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident: $words:literal)*) => {$(
        $(#[$doc])*
        pub(super) static $name: Words =
            Words(LazyLock::new(|| $words.split_whitespace().collect()));
    )*};
}

words! {
    /// Words between the words of a name.
    PARTICLES: "
        abou ait al aït bel ben bin bou da de del della den der des di dos du el la le les ould
        san st ste van von y
    "

    /// Offices, which name nobody and may stand between a civility and a name.
    OFFICES: "
        adjoint adjointe administrateur administratrice ambassadeur ambassadrice bâtonnier
        bâtonnière capitaine chef cheffe colonel commandant commandante commissaire conseiller
        conseillère conservateur conservatrice curé directeur directrice doyen doyenne député
        députée gouverneur greffier greffière général générale inspecteur inspectrice juge maire
        maires ministre médiateur médiatrice notaire ordonnateur percepteur premier première
        principal principale procureur procureure proviseur proviseure préfet préfète président
        présidente recteur rectrice responsable régisseur secrétaire sénateur sénatrice trésorier
        trésorière tuteur tutrice élu élue
    "

    /// What is named after doctors.
    STREETS: "
        allée allées av avenue bd boulevard chemin clinique collège cours crèche ecole esplanade
        gymnase hôpital impasse lycée maternelle passage place pont quai rue square stade école
    "

    /// Words that follow a civility or an initial without being a name.
    FUNCTION_WORDS: "
        a ai ainsi alors ans apres après au aucun aucune aussi autre aux avec avez avons car ce
        cela celle celui cependant ces cet cette chacun chaque comme comment contre dans de depuis
        des dit docteur docteure donc dont du durant elle elles en encore enfin ensuite entre est
        et etc eu eux hier ici il ils je la laquelle le lequel les leur leurs lors lorsque lui ma
        madame mademoiselle mais maitre maître me mes mesdames mesdemoiselles messieurs mlle mlles
        mm mme mmes moi mon monsieur mr mrs ne ni non nos notre nous on or ou où par parce pas peu
        plus plusieurs pour pourquoi professeur professeure près puis quand que quel quelle
        quelles quels qui quoi sa se selon sera ses si sinon soit son sont sous sur ta tes
        toujours tous tout toute toutes très tu un une va vers veuillez voici voilà vos votre vous
        vu vue y été
    "

    /// Words that start the next sentence of a field report or a letter: acronyms, days, what reports
    /// are about. Right after a civility they are surnames ("Mme Mars").
    TOPICS: "
        ants août apa appel appeler arrivée ase avril bailleur bien bonjour bonsoir caf ccas cdd
        cdi centre cher chère cni contact cordialement courrier cpam dernier dernière dgs dimanche
        dossier drh décembre ehpad famille fin fs février gardien gardienne habite hlm immeuble
        janvier jdc jeudi jeunes juillet juin lundi mai mairie mardi mars mdph merci mercredi
        musique noël novembre nuisances objet octobre orienté orientée parents parking perm permanence
        personne pj pmi police poste rappel rappeler ras rdv relance relancé relancée rencontre
        risque rsa référence samedi samu sans septembre service sms souhaite suite tel tél
        téléphone vendredi visite voir voisin voisine voisins éclairage école
    "

    /// Words between the kind of a place and its name.
    PLACE_PARTICLES: "de du des la le les à au aux en et sur sous"

    /// What a number after "logement" or "porte" counts.
    COUNTED: "
        an ans chambre chambres enfants euro euros fois h heure heures j jour jours m m2 m² minute
        minutes mois p personne personnes piece pieces semaine semaines
    "

    /// Folded words after which a name that no list knows stands: "famille B.", "le jeune Timéo".
    INTRODUCERS: "
        alias appelle appeler appelait certain certaine consorts cousin cousine denomme denommee dixit
        epoux famille freres jeune mamie nomme nommee oncle papi papy petit petite prenomme prenommee
        soeurs surnomme surnommee tante veuve
    "

    /// Folded words after which a word that is also a given name is one.
    NEAR_PEOPLE: "
        avec chez voisin voisine pere mere fils fille frere soeur mari femme collegue gardien gardienne
        educateur educatrice mediateur mediatrice animateur animatrice benevole stagiaire ami amie
        copain copine maman papa ado locataire vu vue rencontre croise recu rappele contacte suivi et
    "

    /// Folded words after which a capital begins no person.
    DETERMINERS: "
        au aux ce ces cet cette des du l la le les leur leurs ma mes mon nos notre sa ses son un une
        vos votre saint sainte st ste sainte
    "

    /// Folded verbs that follow somebody's name at the start of a sentence.
    SAYS: "
        a accepte appelle arrive avait cherche demande demenage dit doit est etait habite n ne
        parle passe passera peut prefere rappelle refuse repond revient s sera signale souhaite va veut
        vient vit voudrait
    "

    /// Folded words for people, which may start a sentence before an age: "Femme, 34 ans".
    PEOPLE: "
        adolescent adolescente adulte agent beneficiaire bebe celibataire collegien collegienne couple
        dame divorce divorcee eleve enfant etudiant etudiante famille femme fille fils garcon gars grand
        habitant habitante homme jeune locataire lyceen lyceenne madame mademoiselle maman marie mariee
        mere mineur mineure monsieur papa pere personne petit petite retraite retraitee riverain riveraine
        senior usager usagere veuf veuve voisin voisine age agee ado mme mlle
    "

    /// Folded words that are no surname after a word that may be a given name: "France Travail".
    INSTITUTIONS: "
        aide allocations assurance casino centre chomage commune conseil couleur departement ecole
        emploi energie enfance etat internationale justice logement mairie marchande metropole
        mondial municipal municipale nationale national police populaire public publique region
        rurales services sociale social sociales solidarite terre travail urgences ville volontaires
    "

    /// Folded surnames that are common words: only hidden again in a text where a capital cannot be
    /// the start of a sentence.
    COMMON_SURNAMES: "
        beau berger blanc bon boucher boulanger brun fontaine fort gardien grand gros jeune juin lebon
        leger lune maire marchand mars mercier moulin noir olivier petit prince riviere roi roux
    "
}

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident: $file:literal)*) => {$(
        $(#[$doc])*
        pub(super) static $name: Words =
            Words(LazyLock::new(|| include_str!(concat!("lists/", $file)).split_whitespace().collect()));
    )*};
}

lists! {
    /// Given names in use in France that are no common word, folded.
    GIVEN: "given-names.txt"
    /// Given names that are also words, folded: "Rose", "Pierre".
    AMBIGUOUS: "ambiguous-given-names.txt"
    /// Given names that are also places or days, folded: people only beside a surname.
    PLACES: "place-given-names.txt"
    /// Frequent surnames that are no common word, folded.
    SURNAMES: "surnames.txt"
}

/// People whom streets and schools are named after: "jules ferry", one a line, folded.
pub(super) static FIGURES: Words = Words(LazyLock::new(|| {
    include_str!("lists/figures.txt").lines().collect()
}));

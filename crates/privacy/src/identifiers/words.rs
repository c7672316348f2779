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
        musique novembre nuisances objet octobre orienté orientée parents parking perm permanence
        personne pj pmi police poste rappel rappeler ras rdv relance relancé relancée rencontre
        risque rsa référence samedi samu sans septembre service sms souhaite suite tel tél
        téléphone vendredi visite voir voisin voisine voisins éclairage école
    "

    /// Common given names, so that the particle in "Jean de Villiers" is read as part of the name.
    GIVEN_NAMES: "
        adrien agnès ahmed alain albert alexandre alexis ali alice aline amandine amina amine
        amélie anaïs andré andrée angélique anne annie antoine antonio arnaud arthur audrey
        aurélie aurélien aïcha baptiste benjamin benoît bernadette bernard bertrand brigitte bruno
        béatrice camille carine carole caroline catherine chantal charles charlotte chloé
        christelle christian christiane christine christophe claire clara claude claudine clément
        colette corinne cyril cécile cédric céline damien daniel danielle david delphine denis
        denise didier dominique elisabeth elise elodie emilie emma emmanuel emmanuelle enzo eric
        estelle etienne eva evelyne fabien fabienne fabrice fanny farid fatiha fatima fatou
        fernand florence florian franck françois françoise frederic frédéric gabriel gaëlle
        geneviève georges germaine ghislaine gilbert gilles ginette grégory guillaume guy gérard
        helene henri hervé hugo huguette hélène ibrahim inès irène isabelle jacqueline jacques
        jean jeanne jeannine jerome joseph josette josiane josé joël joëlle julie julien juliette
        justine jérôme karim karine kevin khadija kévin laetitia laura laure laurence laurent
        liliane lionel louis louise luc lucas lucie lucien lucienne ludovic lydie léa léo léon
        madeleine magali malika manon marc marcel marcelle margaux marguerite maria marianne marie
        marine marion marthe martine mathieu mathilde matthieu maurice max maxime michel michelle
        michèle mireille mohamed mohammed monique moussa myriam mélanie nadia nadine nadège
        nathalie nathan nicolas nicole noémie noël océane odette odile olivier pascal pascale
        patrice patricia patrick paul paule paulette pauline philippe pierre quentin rachid
        raphaël raymond raymonde renaud rené renée richard robert roger roland romain rose régine
        rémi sabrina salima samir samuel sandra sandrine sarah saïd serge simon simone solange
        sonia sophie stéphane stéphanie suzanne sylvain sylvie sébastien séverine thierry thomas
        théo thérèse valérie victor vincent virginie viviane véronique william xavier yann yannick
        yasmine youssef yves yvette yvonne zoé édith élisabeth élise élodie émilie éric étienne
        éva évelyne
    "
}

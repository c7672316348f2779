//! The words that only pages use, French first, English second. What the terminal says too is in
//! [`domain::catalogue`].

use domain::Lang;

/// Words in one language.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words(pub(crate) Lang);

macro_rules! words {
    ($($name:ident: $fr:literal, $en:literal;)*) => {
        impl Words {
            $(pub(crate) const fn $name(self) -> &'static str {
                self.0.pick($fr, $en)
            })*
        }
    };
}

words! {
    // Around every page
    skip: "Aller au contenu", "Skip to content";
    sections: "Rubriques", "Sections";
    inbox: "Bannette", "Inbox";
    syntheses: "Synthèses", "Syntheses";
    search: "Rechercher", "Search";
    search_label: "Rechercher un document", "Search for a document";
    colon: "\u{a0}: ", ": ";
    other_language: "In English", "En français";
    motto: "Greffier propose et informe ; les personnes décident.", "Greffier proposes and informs; people decide.";
    local_only: "Pages réservées à cette machine. Personne ne se connecte encore : les noms saisis ne sont pas vérifiés.",
        "Pages for this machine only. Nobody signs in yet: names that are typed are not verified.";

    // Signing in
    sign_in: "Se connecter", "Sign in";
    sign_out: "Se déconnecter", "Sign out";
    account: "Compte", "Account";
    password: "Mot de passe", "Password";
    code: "Code à usage unique", "One-time code";
    code_help: "Si votre compte en demande un : les six chiffres de votre application.", "If your account asks one: the six digits of your authenticator.";
    sign_in_wrong: "Le compte, le mot de passe ou le code est incorrect.", "The account, the password or the code is wrong.";
    sign_in_help: "Votre compte est ouvert par l’administrateur. Après trop d’essais manqués, il faut attendre un peu.", "Your account is opened by the administrator. After too many failures there is a wait.";
    signed_in_as: "Connecté", "Signed in";
    verified: "identité vérifiée", "identity verified";

    // Inbox
    inbox_title: "Bannette : documents à traiter", "Inbox: documents to deal with";
    filter: "Choisir les documents affichés", "Choose the documents shown";
    pipeline: "Circuit", "Pipeline";
    all_pipelines: "Tous les circuits", "All pipelines";
    service: "Service", "Service";
    all_services: "Tous les services", "All services";
    show: "Afficher", "Show";
    to_decide: "À affecter par une personne", "For a person to assign";
    routed: "Affectés automatiquement, pas encore relus", "Assigned automatically, not looked at yet";
    progress: "Où en est l’envoi automatique", "How far automatic routing is";
    to_forward: "À transmettre", "To be forwarded";
    to_forward_help: "Ces documents relèvent d’une autre administration : ils lui sont transmis et la personne qui a écrit en est informée (CRPA, art. L114-2). Ils restent ici jusque-là.",
        "These documents are for another authority: they are forwarded there and whoever wrote is told (CRPA, art. L114-2). They stay here until then.";
    to_forward_state: "à transmettre", "to be forwarded";
    nothing_to_decide: "Rien n’attend de décision ici.", "Nothing waits for a decision here.";
    nothing_routed: "Aucun document affecté automatiquement n’est à relire ici.", "No automatically assigned document is left to look at here.";
    received: "Réception", "Received";
    proposed: "proposé", "proposed";
    reading_interrupted: "lecture interrompue", "reading interrupted";
    no_decision: "aucune proposition", "no proposal";
    is_missing: "Il manque", "Missing";
    to_know: "À savoir", "To know";
    alerts_wait: "Des alertes sont en cours", "There are alerts";
    pages: "Pages de la liste", "Pages of the list";
    previous: "Précédents", "Previous";
    next: "Suivants", "Next";
    cannot_be_opened: "Ce document ne peut pas être ouvert. L’administrateur trouvera la cause dans le journal, ligne", "This document cannot be opened. The administrator will find the cause in the log, line";

    // Formats of fields
    a_date: "une date", "a date";
    an_amount: "un montant", "an amount";
    a_siret: "un numéro SIRET", "a SIRET number";
    an_iban: "un IBAN", "an IBAN";
    a_nir: "un numéro de sécurité sociale", "a social security number";
    a_phone: "un numéro de téléphone", "a phone number";
    an_email: "une adresse électronique", "an e-mail address";
    a_postcode: "un code postal", "a postcode";
    a_town: "un code postal et sa commune", "a postcode and its town";

    // Why a document was set aside
    time_limit: "lecture trop longue", "reading took too long";
    memory_limit: "document trop lourd à lire", "document too heavy to read";
    output_limit: "document trop volumineux une fois lu", "document too large once read";
    broken_data: "une donnée interne est abîmée", "internal data is damaged";
    crashed: "la lecture a échoué", "reading failed";

    // Document
    back_to_inbox: "Retour à la bannette", "Back to the inbox";
    assignment: "Affectation", "Assignment";
    proposal: "Proposition du logiciel", "The software’s proposal";
    person_decided: "Décision d’une personne", "A person’s decision";
    why_checked: "Pourquoi une personne vérifie", "Why a person checks";
    reasons: "Motifs de la proposition", "Reasons of the proposal";
    no_reasons: "Aucun motif n’est donné.", "No reason is given.";
    rule_words: "règle", "rule";
    the_word: "mot", "word";
    whole_meaning: "sens général du texte", "meaning of the whole text";
    usual: "habitude : ce que ce service reçoit d’ordinaire", "habit: what this service usually receives";
    speaks_for: "pour", "for";
    speaks_against: "contre", "against";
    to_go_further: "Pour aller plus loin", "To go further";
    nothing_to_assign: "Rien n’est à affecter ici.", "Nothing is to be assigned here.";
    in_this_page: "Dans cette page", "On this page";
    because: "Motif", "Reason";
    confident: "confiance", "confidence";
    see_in_text: "voir dans le texte", "see in the text";
    candidates: "Services possibles, du plus au moins probable", "Possible services, most likely first";
    resembling: "Services par ressemblance décroissante avec leur description", "Services by falling resemblance to their description";
    rank: "Rang", "Rank";
    confidence: "Confiance", "Confidence";
    resemblance_only: "Le rang vient d’une ressemblance entre le texte et la description des services : aucun pourcentage fiable ne peut être donné.",
        "The rank comes from resemblance between the text and the descriptions of the services: no reliable percentage can be given.";
    why_sheet: "Fiche « pourquoi »", "“Why” sheet";
    full_text: "Texte seul", "Text only";
    original: "Télécharger l’original", "Download the original";
    your_decision: "Votre décision", "Your decision";
    choose_service: "Service qui traitera le document", "Service that will deal with the document";
    other_services: "Autres services", "Other services";
    not_for_us: "Aucun de nos services", "None of our services";
    not_for_us_help: "à transmettre, et la personne à informer : CRPA, art. L114-2", "to be forwarded, and the person told: CRPA, art. L114-2";
    not_for_us_details: "Si aucun de nos services n’est compétent", "If none of our services is competent";
    authority: "Administration compétente", "Competent authority";
    told: "La personne qui a écrit a été informée", "Whoever wrote was told";
    others: "D’autres services sont concernés", "Other services are concerned";
    also_column: "A aussi à faire", "Has something to do";
    copy_column: "Reçoit une copie", "Has a copy";
    also: "aussi", "also";
    copy: "copie", "copy";
    semicolon: "\u{a0}; ", "; ";
    others_wrong: "Un service est nommé deux fois : il répond, il a aussi à faire, ou il reçoit une copie.", "A service is named twice: it answers, has something to do, or has a copy.";
    authority_needed: "Indiquez l’administration compétente (200 caractères au plus).", "Name the competent authority (200 characters at most).";
    tell: "La personne a été informée", "The person was told";
    tell_help: "Ce document relève d’une autre administration. Une fois qu’il lui est transmis et que la personne qui a écrit en est informée, dites-le ici.",
        "This document is for another authority. Once it is forwarded there and whoever wrote was told, say so here.";
    precedents: "Ce qui a été décidé pour des documents proches", "What was decided for close documents";
    not_ours: "hors de nos services : à transmettre", "not ours: to be passed on";
    your_name: "Votre nom", "Your name";
    your_name_help: "Inscrit dans l’historique du document.", "Kept in the document’s history.";
    your_reason: "Motif (facultatif)", "Reason (optional)";
    record_decision: "Enregistrer l’affectation", "Record the assignment";
    required: "obligatoire", "required";
    change_decision: "Changer l’affectation", "Change the assignment";
    recorded: "C’est enregistré.", "Recorded.";
    next_document: "Document suivant à affecter", "Next document to assign";
    nothing_left: "Plus rien n’attend d’affectation.", "Nothing is left to assign.";
    form_problem: "La décision n’est pas enregistrée", "The decision was not recorded";
    name_needed: "Indiquez votre nom.", "Give your name.";
    name_too_long: "Le nom est trop long (200 caractères au plus) ou contient des caractères illisibles.", "The name is too long (200 characters at most) or has unreadable characters.";
    reason_too_long: "Le motif est trop long (2 000 caractères au plus).", "The reason is too long (2,000 characters at most).";
    service_needed: "Choisissez un service dans la liste.", "Choose a service in the list.";
    decided_meanwhile: "Une autre décision a été enregistrée depuis que vous avez ouvert cette page. Relisez-la ci-dessous avant de confirmer la vôtre.",
        "Another decision was recorded since you opened this page. Read it below before confirming yours.";
    still_processing: "Le document est encore en cours de lecture : il pourra être affecté ensuite.", "The document is still being read: it can be assigned afterwards.";
    follows_parent: "Cette pièce suit le document avec lequel elle est arrivée", "This piece follows the document it came with";
    not_routed_here: "Les documents de ce circuit ne sont pas affectés à un service.", "Documents of this pipeline are not assigned to a service.";
    form_and_missing: "Formulaire et pièces", "Form and pieces";
    form_recognised: "Formulaire reconnu", "Form recognised";
    no_form: "Aucun formulaire connu n’a été reconnu : rien n’est exigé.", "No known form was recognised: nothing is required.";
    nothing_missing: "Rien ne manque.", "Nothing is missing.";
    legal_basis: "Texte applicable", "Legal basis";
    clock: "Délai (à confirmer par le service)", "Time limit (to be confirmed by the service)";
    fields_read: "Champs lus", "Fields read";
    field: "Champ", "Field";
    value: "Valeur", "Value";
    page: "Page", "Page";
    read_in_text: "lu dans le texte", "read in the text";
    no_fields: "Aucun champ rempli n’a été lu.", "No filled field was read.";
    empty_fields: "Champs non remplis", "Empty fields";
    ticked: "coché", "ticked";
    unreadable: "Comment le document a été lu", "How the document was read";
    all_read: "Tout a été lu.", "Everything was read.";
    not_read_yet: "Le document n’est pas encore lu.", "The document is not read yet.";
    attachments: "Pièces jointes", "Attachments";
    no_attachments: "Aucune pièce jointe.", "No attachment.";
    attachment_not_opened: "n’a pas pu être ouverte", "could not be opened";
    text: "Texte du document", "Text of the document";
    text_marked: "Les mots surlignés et soulignés sont ceux qui ont compté dans la proposition.", "The words highlighted and underlined are those that counted in the proposal.";
    text_cited: "Le passage cité est surligné et souligné.", "The passage quoted is highlighted and underlined.";
    text_cited_older: "Texte tel qu’il était lu quand il a été cité ; le passage cité est surligné et souligné.", "The text as it was read when quoted; the passage quoted is highlighted and underlined.";
    no_text: "Aucun texte n’a été lu.", "No text was read.";
    text_cut: "La suite n’est pas affichée ici.", "The rest is not shown here.";
    history: "Historique", "History";
    when: "Quand", "When";
    what: "Quoi", "What";
    who: "Par", "By";
    openings: "Consultations", "Openings";
    leaf: "N° au journal", "No. in the log";
    the_software: "le logiciel", "the software";
    not_in_log_yet: "pas encore", "not yet";
    received_on: "reçu le", "received on";
    same_as: "Même contenu qu’un document déjà reçu", "Same content as a document received before";
    identifier: "Identifiant", "Identifier";

    // Why
    why_contribution: "1. Degré et mode de contribution du traitement", "1. Degree and mode of contribution of the processing";
    why_data: "2. Données traitées et leurs sources", "2. Data processed and their sources";
    why_parameters: "3. Paramètres et pondération", "3. Parameters and weights";
    why_operations: "4. Opérations effectuées", "4. Operations carried out";
    as_prov: "Ces opérations au format PROV-JSON, pour d’autres logiciels", "These operations as PROV-JSON, for other software";
    why_basis: "Base : code des relations entre le public et l’administration, art. R311-3-1-2 (décret 2017-330). Fiche établie à partir de l’historique enregistré.",
        "Basis: Code of relations between the public and the administration, art. R311-3-1-2 (decree 2017-330). Drawn up from the recorded history.";
    datum: "Donnée", "Datum";
    source: "Source", "Source";
    parameter: "Paramètre", "Parameter";
    weight: "Poids ou valeur", "Weight or value";
    operation: "Opération", "Operation";
    version: "Version", "Version";
    nothing_weighed: "Rien n’a pesé.", "Nothing weighed.";
    back_to_document: "Retour au document", "Back to the document";

    // Search
    search_title: "Recherche", "Search";
    search_help: "Un nom, un numéro, quelques mots ou une question, en français ou en anglais.", "A name, a number, a few words or a question, in French or in English.";
    nothing_relevant: "Rien de pertinent.", "Nothing relevant.";
    nothing_relevant_help: "Aucun document ne répond à ces mots. Essayez un autre mot, un nom ou un numéro.", "No document answers these words. Try another word, a name or a number.";
    nothing_within_help: "Aucun document ne répond à ces mots parmi ceux que vous avez choisis. Retirez un choix ci-dessous.", "No document answers these words among those you have chosen. Remove a choice below.";
    nearest_title: "Au plus près par les mots", "Nearest by words";
    nearest_help: "Ces documents ne répondent pas à la recherche ; ils contiennent seulement certains de ses mots.", "These documents do not answer the search; they only hold some of its words.";
    narrow_down: "Affiner", "Narrow down";
    chosen: "choisi, retirer", "chosen, remove";
    like_this: "Documents semblables", "Similar documents";
    named_exactly: "Porte exactement ce nom", "Has exactly this name";
    query_too_long: "La recherche est trop longue : 300 caractères au plus.", "The search is too long: 300 characters at most.";

    // Syntheses
    syntheses_title: "Synthèses", "Syntheses";
    no_synthesis: "Aucune synthèse ni alerte pour l’instant.", "No synthesis nor alert yet.";
    synthesis: "Synthèse", "Synthesis";
    week: "Semaine", "Week";
    edition: "Édition", "Edition";
    editions: "Éditions", "Editions";
    made: "Établie le", "Made on";
    alerts: "Alertes", "Alerts";
    not_made_yet: "pas encore établie", "not made yet";
    whole_synthesis: "À enregistrer, la synthèse entière", "To save, the whole synthesis";
    briefing: "la fiche d’une page", "the briefing of one page";
    synthesis_not_made: "La synthèse de cette semaine n’est pas encore établie. Les alertes n’attendent pas.", "The synthesis of this week is not made yet. Alerts do not wait.";
    no_alerts: "Aucune alerte cette semaine.", "No alert this week.";
    no_alerts_made: "Les alertes de cette semaine n’ont pas encore été examinées.", "Alerts of this week have not been looked for yet.";
    since: "Depuis le", "Since";
    place: "Lieu", "Place";
    basis: "Fondée sur", "Based on";
    recipient: "Destinataire", "Goes to";
    after_edition: "arrivée après cette édition", "came after this edition";
    evidence: "Extraits", "Quotes";
    figures: "Chiffres", "Figures";
    themes: "Thèmes", "Themes";
    no_themes: "Aucun thème cette semaine.", "No theme this week.";
    trend: "Évolution", "Trend";
    lone_voices: "Voix isolées", "Lone voices";
    done_since: "Suites données", "Followed up";
    what_is_missing: "Ce qui manque", "What is missing";
    nothing_lacking: "Rien à signaler.", "Nothing to report.";
    counted: "Documents comptés", "Documents counted";
    and_more: "et d’autres", "and more";
    document_gone: "document effacé ou illisible", "document erased or unreadable";
    only_figures: "Chaque phrase est un extrait exact ou un chiffre compté.", "Every sentence is an exact quote or a counted figure.";
    back_to_syntheses: "Retour aux synthèses", "Back to the syntheses";

    // Alerts in people's hands
    grounds: "Ce qui l’a déclenchée", "What raised it";
    procedure: "Procédure", "Procedure";
    without_delay: "Sans délai (CASF, art. L226-2-1)", "Without delay (CASF, art. L226-2-1)";
    alert_open: "à prendre en charge", "to be taken on";
    alert_acts: "Ce qui a été fait", "What was done";
    alert_notices: "Personnes prévenues", "People told";
    not_delivered: "non remise, nouvel essai à venir", "not delivered, tried again later";
    alert_answer: "Répondre à cette alerte", "Answer this alert";
    alert_reason: "Ce qui a été fait, ou pourquoi ce n’est pas une alerte (exigé pour traiter ou écarter)",
        "What was done, or why it is none (needed to deal with it or to dismiss it)";
    alert_acknowledge: "Je la prends en charge", "I take it on";
    alert_act: "Elle est traitée", "It is dealt with";
    alert_dismiss: "Ce n’est pas une alerte", "It is none";
    alert_recorded: "Réponse enregistrée.", "Answer recorded.";
    alert_form: "Il manque un nom ou une raison", "A name or a reason is missing";
    alert_form_detail: "Une réponse à une alerte porte un nom ; dire qu’elle est traitée ou l’écarter demande une phrase. Revenez en arrière : ce que vous avez écrit y est encore.",
        "An answer to an alert has a name; to say that it is dealt with or to dismiss it takes a sentence. Go back: what you wrote is still there.";
    // Themes in people's hands
    learnt_theme: "thème appris : personne ne l’a listé, des passages se ressemblent", "learnt theme: nobody listed it, passages are alike";
    theme_decide: "Renommer, réunir, épingler ou écarter ce thème", "Rename, merge, pin or dismiss this theme";
    theme_effect: "Ce qui est décidé vaut à partir de la semaine suivante.", "What is decided is respected from the week after.";
    theme_name: "Nouveau nom", "New name";
    theme_rename: "Renommer", "Rename";
    theme_into: "C’est le même que", "It is the same as";
    theme_merge: "Réunir", "Merge";
    theme_pin: "Épingler", "Pin";
    theme_unpin: "Ne plus épingler", "Unpin";
    theme_dismiss: "Écarter", "Dismiss";
    theme_reason: "Pourquoi", "Why";
    theme_recorded: "Décision enregistrée : elle vaut à partir de la semaine suivante.", "Decision recorded: it is respected from the week after.";
    theme_form_detail: "Une décision sur un thème porte un nom, et le nouveau nom d’un thème au plus 80 caractères. Revenez en arrière : ce que vous avez écrit y est encore.",
        "A decision on a theme has a name, and a theme’s new name at most 80 characters. Go back: what you wrote is still there.";
    theme_past: "Cette décision ne peut plus être prise ici", "This decision cannot be taken here any more";
    theme_week_detail: "Des semaines plus récentes ont déjà leurs thèmes. Décidez sur la page de la plus récente.", "More recent weeks have their themes already. Decide on the page of the most recent one.";
    theme_gone_detail: "Ce thème n’est plus là, ou il est déjà réuni à un autre. Rechargez la page de la semaine.", "This theme is no more, or is joined to another already. Load the page of the week again.";
    what_becomes: "Ce que deviennent les thèmes", "What becomes of themes";
    // Problems of the API
    unknown: "Jeton inconnu", "Unknown token";
    unknown_detail: "Montrez un jeton en service : `Authorization: Bearer …`. L’administrateur en fait par `greffier users tokens COMPTE --add NOM`.", "Show a token that serves: `Authorization: Bearer …`. The administrator makes one with `greffier users tokens ACCOUNT --add LABEL`.";
    bad_body: "Cette demande n’est pas comprise", "This request is not understood";
    bad_body_detail: "Le corps n’est pas ce que décrit /api/v1/openapi.json. Rien n’a été enregistré.", "The body is not what /api/v1/openapi.json describes. Nothing was recorded.";
    other_media_detail: "Envoyez du JSON (application/json) ou, pour un document, un formulaire (multipart/form-data).", "Send JSON (application/json) or, for a document, a form (multipart/form-data).";
    bad_key_detail: "Idempotency-Key : de 1 à 200 caractères ASCII visibles, une seule fois.", "Idempotency-Key: 1 to 200 visible ASCII characters, once.";
    other_request_detail: "Cette Idempotency-Key a déjà servi pour une autre demande. Rien n’a été enregistré.", "This Idempotency-Key was used for another request already. Nothing was recorded.";
    changed: "Le document a changé", "The document has changed";
    no_tag_detail: "Dites par If-Match l’ETag du document que vous avez vu : une décision porte sur ce qui a été lu.", "Say with If-Match the ETag of the document that you saw: a decision is about what was read.";
    changed_detail: "Quelque chose a été enregistré depuis que vous l’avez lu. Relisez-le avant de décider.", "Something was recorded since you read it. Read it again before deciding.";
    bad_decision_detail: "La décision nomme un service qui n’existe pas ou deux fois le même, ou ses parties ne vont pas ensemble. Rien n’a été enregistré.", "The decision names a service that is not there or the same one twice, or its parts do not go together. Nothing was recorded.";
    not_taken: "Ce document n’est pas pris", "This document is not taken in";

    // Problems
    no_such_page: "Cette page n’existe pas", "This page does not exist";
    no_such_page_detail: "L’adresse est peut-être incomplète. Revenez à la bannette ou cherchez le document.", "The address may be incomplete. Go back to the inbox or search for the document.";
    no_such_document: "Aucun document à cette adresse", "No document at this address";
    no_such_document_detail: "L’adresse est peut-être incomplète. Cherchez le document par son nom.", "The address may be incomplete. Search for the document by its name.";
    erased: "Ce document a été effacé", "This document was erased";
    erased_detail: "Son contenu ne peut plus être lu. Si personne ne l’a effacé, prévenez l’administrateur.", "Its content cannot be read any more. If nobody erased it, tell the administrator.";
    bad_address: "Cette adresse n’est pas comprise", "This address is not understood";
    bad_address_detail: "Un des choix de l’adresse n’est pas connu ici. Revenez à la bannette.", "One of the choices in the address is not known here. Go back to the inbox.";
    too_long: "C’est trop long", "This is too long";
    too_long_detail: "L’adresse ou le formulaire dépasse la taille acceptée.", "The address or the form is larger than accepted.";
    bad_form: "Ce formulaire n’est pas compris", "This form is not understood";
    bad_form_detail: "Rien n’a été enregistré. Revenez au document et recommencez.", "Nothing was recorded. Go back to the document and start again.";
    foreign_host: "Accès refusé", "Access refused";
    foreign_host_detail: "Ces pages ne répondent que sous le nom de cette machine : localhost ou 127.0.0.1.", "These pages only answer to this machine’s own name: localhost or 127.0.0.1.";
    foreign_form: "Envoi refusé", "Refused";
    foreign_form_detail: "Rien n’a été enregistré : ce formulaire ne vient pas d’une page de Greffier. Revenez au document et recommencez.", "Nothing was recorded: this form does not come from a page of Greffier. Go back to the document and start again.";
    stale_form_detail: "Rien n’a été enregistré : votre session a changé depuis que cette page est ouverte. Rechargez la page et recommencez.", "Nothing was recorded: your session has changed since this page was opened. Load the page again and start over.";
    not_yours: "Vous n’avez pas ce droit", "You may not do that";
    not_yours_detail: "Rien n’a été enregistré : vos rôles ne le permettent pas. L’administrateur peut les changer.", "Nothing was recorded: your roles do not allow it. The administrator can change them.";
    slowed: "Trop d’essais", "Too many tries";
    slowed_detail: "Attendez un peu avant de recommencer. Si ce n’est pas vous qui avez essayé, prévenez l’administrateur.", "Wait a little before trying again. If it was not you who tried, tell the administrator.";
    only_reads_detail: "Cette adresse ne reçoit pas de formulaire.", "This address takes no form.";
    not_ready: "Le document est encore en cours de lecture", "The document is still being read";
    not_ready_detail: "Rien n’a été enregistré. Il pourra être affecté dès que sa lecture sera finie.", "Nothing was recorded. It can be assigned as soon as it has been read.";
    not_routed: "Ce document n’est pas à affecter", "This document is not to be assigned";
    not_routed_detail: "Rien n’a été enregistré : c’est une pièce jointe, ou son circuit n’a pas de service.", "Nothing was recorded: it is an attachment, or its pipeline has no service.";
    busy: "Le service ne répond pas pour l’instant", "The service does not answer for now";
    busy_detail: "Réessayez dans un instant. Si cela dure, prévenez l’administrateur.", "Try again in a moment. If it lasts, tell the administrator.";
    broken: "Quelque chose n’a pas fonctionné", "Something did not work";
    broken_detail: "Ce n’est pas de votre fait. Prévenez l’administrateur.", "It is not your doing. Tell the administrator.";
    log_line: "Ligne du journal à lui donner", "Line of the log to give them";
}

impl Words {
    /// Words of someone else.
    pub(crate) fn quoted(self, text: &str) -> String {
        match self.0 {
            Lang::Fr => format!("« {text} »"),
            Lang::En => format!("“{text}”"),
        }
    }

    /// A required field without a value.
    pub(crate) fn field_missing(self, label: &str) -> String {
        match self.0 {
            Lang::Fr => format!("champ « {label} » non rempli"),
            Lang::En => format!("field “{label}” is empty"),
        }
    }

    /// A day before the one that it must not precede.
    pub(crate) fn field_too_early(self, label: &str, with: &str) -> String {
        match self.0 {
            Lang::Fr => format!("« {label} » est avant « {with} »"),
            Lang::En => format!("“{label}” is before “{with}”"),
        }
    }

    /// A social security number that does not go with a day of birth.
    pub(crate) fn field_of_another(self, label: &str, with: &str) -> String {
        match self.0 {
            Lang::Fr => format!("« {label} » ne va pas avec « {with} »"),
            Lang::En => format!("“{label}” does not go with “{with}”"),
        }
    }

    /// A field whose value is not what was expected.
    pub(crate) fn field_malformed(self, label: &str, expected: &str) -> String {
        match self.0 {
            Lang::Fr => format!("champ « {label} » à vérifier ({expected} était attendu)"),
            Lang::En => format!("field “{label}” to check ({expected} was expected)"),
        }
    }

    /// A piece that is not there.
    pub(crate) fn piece_missing(self, name: &str) -> String {
        match self.0 {
            Lang::Fr => format!("pièce « {name} » absente"),
            Lang::En => format!("piece “{name}” is not there"),
        }
    }

    /// How many documents are still being read.
    pub(crate) fn still_reading(self, count: usize) -> String {
        match (self.0, count) {
            (Lang::Fr, 1) => "1 document est encore en cours de lecture.".to_owned(),
            (Lang::Fr, n) => format!("{n} documents sont encore en cours de lecture."),
            (Lang::En, 1) => "1 document is still being read.".to_owned(),
            (Lang::En, n) => format!("{n} documents are still being read."),
        }
    }

    /// How many pieces came with a document.
    pub(crate) fn with_attachments(self, count: usize) -> String {
        match (self.0, count) {
            (Lang::Fr, 1) => "1 pièce jointe".to_owned(),
            (Lang::Fr, n) => format!("{n} pièces jointes"),
            (Lang::En, 1) => "1 attachment".to_owned(),
            (Lang::En, n) => format!("{n} attachments"),
        }
    }

    /// Until when a document is to be answered.
    pub(crate) fn answer_before(self, day: &str, is_late: bool) -> String {
        match (self.0, is_late) {
            (Lang::Fr, false) => format!("à répondre avant le {day}"),
            (Lang::Fr, true) => format!("en retard : à répondre avant le {day}"),
            (Lang::En, false) => format!("to be answered before {day}"),
            (Lang::En, true) => format!("late: to be answered before {day}"),
        }
    }

    /// Who decided.
    pub(crate) fn decided_by(self, by: &str) -> String {
        match self.0 {
            Lang::Fr => format!("décidé par {by}"),
            Lang::En => format!("decided by {by}"),
        }
    }

    /// A document received twice.
    pub(crate) fn already_received(self, name: &str) -> String {
        match self.0 {
            Lang::Fr => format!("même contenu que {name}, déjà reçu"),
            Lang::En => format!("same content as {name}, received before"),
        }
    }

    /// What comes before the name of a document that this one resembles.
    pub(crate) fn resembles(self, percent: u8) -> String {
        match self.0 {
            Lang::Fr => format!("Ressemble à {percent}\u{a0}% à"),
            Lang::En => format!("Resembles at {percent}%"),
        }
    }

    /// A document that resembles one received before, in a list.
    pub(crate) fn resembles_earlier(self, percent: u8, name: &str, day: &str) -> String {
        match self.0 {
            Lang::Fr => format!("ressemble à {percent}\u{a0}% à {name}, reçu le {day}"),
            Lang::En => format!("resembles {name} at {percent}%, received on {day}"),
        }
    }

    /// Who was told of an alert, how, and after how many others.
    pub(crate) fn told_by(self, person: &str, channel: &str, level: u32) -> String {
        match (self.0, level) {
            (_, 0) => format!("{person} ({channel})"),
            (Lang::Fr, n) => format!("{person} ({channel}), relais {n} faute de prise en charge"),
            (Lang::En, n) => format!("{person} ({channel}), escalation {n}: nobody took it on"),
        }
    }

    /// How alerts like one were judged so far.
    pub(crate) fn judged(self, judged: u32, dismissed: u32) -> String {
        match self.0 {
            Lang::Fr => {
                format!("{judged} alertes de ce genre déjà jugées ici, dont {dismissed} écartées")
            }
            Lang::En => format!(
                "{judged} alerts like it judged here so far, of which {dismissed} dismissed"
            ),
        }
    }

    /// How many alerts a week has.
    pub(crate) fn alerts_of(self, count: usize, pipeline: &str, week: &str) -> String {
        match (self.0, count) {
            (Lang::Fr, 1) => format!("1 alerte : {pipeline}, {week}"),
            (Lang::Fr, n) => format!("{n} alertes : {pipeline}, {week}"),
            (Lang::En, 1) => format!("1 alert: {pipeline}, {week}"),
            (Lang::En, n) => format!("{n} alerts: {pipeline}, {week}"),
        }
    }

    /// The part of a list that a page shows.
    pub(crate) fn part_of(self, first: usize, last: usize, total: usize) -> String {
        match self.0 {
            Lang::Fr => format!("Documents {first} à {last} sur {total}"),
            Lang::En => format!("Documents {first} to {last} of {total}"),
        }
    }

    /// How many documents were found.
    pub(crate) fn found(self, shown: usize, all: u64, query: &str) -> String {
        match (self.0, all) {
            (Lang::Fr, 1) => format!("1 document pour « {query} »"),
            (Lang::En, 1) => format!("1 document for “{query}”"),
            (Lang::Fr, n) if n > shown as u64 => {
                format!("{n} documents pour « {query} » ; les {shown} meilleurs")
            }
            (Lang::En, n) if n > shown as u64 => {
                format!("{n} documents for “{query}”; the best {shown}")
            }
            (Lang::Fr, n) => format!("{n} documents pour « {query} »"),
            (Lang::En, n) => format!("{n} documents for “{query}”"),
        }
    }

    /// How many documents are like another.
    pub(crate) fn like_found(self, count: usize) -> String {
        match (self.0, count) {
            (Lang::Fr, 1) => "1 document semblable".to_owned(),
            (Lang::Fr, n) => format!("{n} documents semblables"),
            (Lang::En, 1) => "1 similar document".to_owned(),
            (Lang::En, n) => format!("{n} similar documents"),
        }
    }

    /// How many others are the same.
    pub(crate) fn same(self, count: usize) -> String {
        match (self.0, count) {
            (Lang::Fr, 1) => "1 autre exemplaire identique".to_owned(),
            (Lang::Fr, n) => format!("{n} autres exemplaires identiques"),
            (Lang::En, 1) => "1 other identical copy".to_owned(),
            (Lang::En, n) => format!("{n} other identical copies"),
        }
    }

    /// What people call a facet.
    pub(crate) fn facet(self, name: &str) -> &'static str {
        match name {
            "service" => "Service",
            "pipeline" => self.0.pick("Filière", "Pipeline"),
            "kind" => self.0.pick("Genre de fichier", "Kind of file"),
            "place" => self.0.pick("Lieu", "Place"),
            "year" => self.0.pick("Année de réception", "Year received"),
            _ => self.0.pick("Langue", "Language"),
        }
    }

    /// What of a document was opened.
    pub(crate) fn part_opened(self, part: &str) -> &'static str {
        match part {
            "text" => self.0.pick("le texte seul", "the text only"),
            "original" => self.0.pick("l’original", "the original"),
            "why" => self.0.pick("la fiche « pourquoi »", "the “why” sheet"),
            "records" => self.0.pick("les enregistrements", "the records"),
            _ => self.0.pick("le document", "the document"),
        }
    }

    /// What people call a kind of file.
    pub(crate) fn file_kind(self, code: &str) -> &'static str {
        match code {
            "pdf" => "PDF",
            "mail" => self.0.pick("Courriel", "E-mail"),
            "office" => self.0.pick("Bureautique", "Office document"),
            "table" => self.0.pick("Tableau", "Table"),
            "image" => "Image",
            "text" => self.0.pick("Texte ou page", "Text or page"),
            "row" => self.0.pick("Remontée ou ligne", "Report or row"),
            _ => self.0.pick("Autre", "Other"),
        }
    }

    /// What a person decided.
    pub(crate) fn assigned_by(self, service: &str, by: &str) -> String {
        match self.0 {
            Lang::Fr => format!("Affecté à {service} par {by}"),
            Lang::En => format!("Assigned to {service} by {by}"),
        }
    }

    /// What is for another authority, in the history.
    pub(crate) fn forwarded(self, to: &str, told: bool) -> String {
        match (self.0, told) {
            (Lang::Fr, true) => format!("à transmettre à {to}, personne informée"),
            (Lang::Fr, false) => format!("à transmettre à {to}, personne à informer"),
            (Lang::En, true) => format!("to be forwarded to {to}, person told"),
            (Lang::En, false) => format!("to be forwarded to {to}, person to be told"),
        }
    }

    /// What is for another authority, and who said so.
    pub(crate) fn forwarded_by(self, to: &str, told: bool, by: &str) -> String {
        match (self.0, told) {
            (Lang::Fr, true) => format!("À transmettre à {to}, personne informée ({by})"),
            (Lang::Fr, false) => format!("À transmettre à {to}, personne à informer ({by})"),
            (Lang::En, true) => format!("To be forwarded to {to}, person told ({by})"),
            (Lang::En, false) => format!("To be forwarded to {to}, person to be told ({by})"),
        }
    }

    /// What a person did, in the history.
    pub(crate) fn assigned(self, accepted: bool, service: &str) -> String {
        match (self.0, accepted) {
            (Lang::Fr, true) => format!("proposition acceptée, {service}"),
            (Lang::Fr, false) => format!("affecté à {service}"),
            (Lang::En, true) => format!("proposal accepted, {service}"),
            (Lang::En, false) => format!("assigned to {service}"),
        }
    }

    /// What a sparkline shows, for those who do not see it.
    pub(crate) fn counts(self, counts: &[u32]) -> String {
        let list: Vec<String> = counts.iter().map(ToString::to_string).collect();
        match self.0 {
            Lang::Fr => format!(
                "Remontées par semaine, de la plus ancienne à cette semaine : {}",
                list.join(", ")
            ),
            Lang::En => format!(
                "Reports a week, oldest first, this week last: {}",
                list.join(", ")
            ),
        }
    }

    /// A page of a document.
    pub(crate) fn page_number(self, page: u32) -> String {
        format!("{} {page}", self.page().to_lowercase())
    }
}

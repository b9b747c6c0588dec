//! Words that invented records are made of.

/// City, state or region (may be empty) and post code.
pub(super) type City = (&'static str, &'static str, &'static str);

/// Words of one language and country.
pub(super) struct Culture {
    pub(super) country: &'static str,
    pub(super) dial: &'static str,
    pub(super) first: &'static [&'static str],
    pub(super) last: &'static [&'static str],
    pub(super) company: &'static [&'static str],
    pub(super) streets: &'static [&'static str],
    pub(super) cities: &'static [City],
}

pub(super) const JOBS: [&str; 8] = [
    "Buyer",
    "Chief Financial Officer",
    "Head of Sales",
    "Geschäftsführer",
    "Responsable des achats",
    "Project Manager",
    "Ingeniero jefe",
    "Office Manager",
];

pub(super) static CULTURES: [Culture; 10] = [
    Culture {
        country: "Portugal",
        dial: "+351",
        first: &["Inês", "João", "Conceição", "Luís", "Ana", "Tomás"],
        last: &[
            "Duarte",
            "Gonçalves",
            "Simões",
            "Araújo",
            "da Silva Brandão",
        ],
        company: &["Conservas", "e Filhos Lda", "Navegação SA"],
        streets: &["Rua das Flores", "Avenida da Liberdade", "Largo do Rato"],
        cities: &[
            ("Lisboa", "", "1250-096"),
            ("Porto", "", "4000-009"),
            ("Évora", "", "7000-508"),
        ],
    },
    Culture {
        country: "Germany",
        dial: "+49",
        first: &["Jürgen", "Käthe", "Björn", "Annegret", "Sönke", "Lena"],
        last: &[
            "Müller",
            "Groß",
            "Schäfer",
            "von der Heide",
            "Öztürk",
            "Weiß",
        ],
        company: &["GmbH & Co. KG", "Maschinenbau AG", "Söhne OHG"],
        streets: &["Hauptstraße", "Am Kirchplatz", "Königsallee"],
        cities: &[
            ("Köln", "NRW", "50667"),
            ("München", "Bayern", "80331"),
            ("Görlitz", "Sachsen", "02826"),
        ],
    },
    Culture {
        country: "France",
        dial: "+33",
        first: &["Zoé", "François", "Aurélie", "Benoît", "Maëlle", "Noël"],
        last: &["Lefèvre", "Garçon", "Dubois", "d'Aubigné", "Pélissier"],
        company: &["et Cie", "Frères SARL", "Énergie SA"],
        streets: &[
            "Rue de l'Église",
            "Boulevard Saint-Michel",
            "Place du Marché",
        ],
        cities: &[
            ("Paris", "", "75005"),
            ("Besançon", "", "25000"),
            ("Nîmes", "", "30000"),
        ],
    },
    Culture {
        country: "Poland",
        dial: "+48",
        first: &["Łukasz", "Małgorzata", "Zdzisław", "Agnieszka", "Paweł"],
        last: &["Wiśniewski", "Zając", "Kowalczyk", "Dąbrowska", "Śliwa"],
        company: &["Sp. z o.o.", "i Wspólnicy", "Usługi S.A."],
        streets: &["ul. Długa", "ul. Świętojańska", "Aleje Jerozolimskie"],
        cities: &[
            ("Łódź", "", "90-001"),
            ("Gdańsk", "", "80-831"),
            ("Kraków", "", "31-042"),
        ],
    },
    Culture {
        country: "Turkey",
        dial: "+90",
        first: &["Ayşe", "İbrahim", "Özge", "Çağlar", "Gülşen"],
        last: &["Yılmaz", "Şahin", "Öztürk", "Çelik", "Doğan"],
        company: &["Ticaret A.Ş.", "Ltd. Şti.", "İnşaat"],
        streets: &["Atatürk Caddesi", "İstiklal Caddesi", "Bağdat Caddesi"],
        cities: &[
            ("İstanbul", "", "34000"),
            ("İzmir", "", "35000"),
            ("Çanakkale", "", "17000"),
        ],
    },
    Culture {
        country: "Sweden",
        dial: "+46",
        first: &["Åsa", "Göran", "Märta", "Örjan", "Linnéa"],
        last: &["Sjöberg", "Åkesson", "Lindström", "Bergqvist", "Öhman"],
        company: &["AB", "& Söner AB", "Skog HB"],
        streets: &["Storgatan", "Drottninggatan", "Ängsvägen"],
        cities: &[
            ("Malmö", "Skåne", "211 18"),
            ("Göteborg", "", "411 03"),
            ("Umeå", "", "903 26"),
        ],
    },
    Culture {
        country: "Spain",
        dial: "+34",
        first: &["Íñigo", "María José", "Begoña", "Andrés", "Ángela"],
        last: &["Muñoz", "Ibáñez García", "Núñez", "Peña", "Etxeberria"],
        company: &["e Hijos S.L.", "Industrias S.A.", "Viñedos"],
        streets: &["Calle Mayor", "Paseo de la Castellana", "Plaza de España"],
        cities: &[
            ("A Coruña", "Galicia", "15001"),
            ("Málaga", "Andalucía", "29001"),
            ("León", "", "24001"),
        ],
    },
    Culture {
        country: "United Kingdom",
        dial: "+44",
        first: &["Siân", "Oliver", "Niamh", "Chidi", "Zoë", "Rhys"],
        last: &[
            "O'Brien",
            "Featherstonehaugh",
            "Okafor",
            "Llewellyn",
            "Patel",
        ],
        company: &["Ltd", "& Sons", "Holdings plc"],
        streets: &["High Street", "Station Road", "Mill Lane"],
        cities: &[
            ("Manchester", "Lancashire", "M1 1AE"),
            ("Cardiff", "", "CF10 1EP"),
            ("St Ives", "Cornwall", "TR26 1LP"),
        ],
    },
    Culture {
        country: "Japan",
        dial: "+81",
        first: &["葵", "陽斗", "結衣", "大翔"],
        last: &["佐藤", "鈴木", "高橋", "渡辺"],
        company: &["株式会社", "商事", "製作所"],
        streets: &["丸の内", "本町通", "中央"],
        cities: &[
            ("東京", "", "100-0005"),
            ("大阪", "", "541-0053"),
            ("札幌", "北海道", "060-0001"),
        ],
    },
    Culture {
        country: "United States",
        dial: "+1",
        first: &["Renée", "José", "Makayla", "DeShawn", "Mary Ann"],
        last: &["Johnson", "Nguyen", "Martínez", "Smith-Jones", "Peña Jr."],
        company: &["Inc.", "LLC", "& Partners"],
        streets: &["Main Street", "Elm Avenue", "Martin Luther King Blvd"],
        cities: &[
            ("Springfield", "IL", "62701"),
            ("San José", "CA", "95110"),
            ("Doña Ana", "NM", "88032"),
        ],
    },
];

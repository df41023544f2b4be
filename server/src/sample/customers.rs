//! Customers of eight countries, in the order they signed up.

use std::collections::HashSet;

use chrono::NaiveDate;

use super::dice::{Dice, day, days_after};

const CUSTOMERS: usize = 4_000;

pub(super) struct Customer {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) city: &'static str,
    pub(super) country: &'static str,
    pub(super) segment: &'static str,
    pub(super) signed_up: NaiveDate,
    /// How eagerly they order; zero for those who never came back.
    pub(super) eagerness: f64,
}

struct Country {
    name: &'static str,
    share: f64,
    domain: &'static str,
    cities: &'static [(&'static str, f64)],
    first: &'static str,
    last: &'static str,
}

const COUNTRIES: &[Country] = &[
    Country {
        name: "Norway",
        share: 0.20,
        domain: "no",
        cities: &[
            ("Oslo", 42.0),
            ("Bergen", 22.0),
            ("Trondheim", 15.0),
            ("Stavanger", 11.0),
            ("Tromsø", 6.0),
            ("Drammen", 4.0),
        ],
        first: "Ingrid Kari Solveig Astrid Marit Silje Hilde Ragnhild Maren Nora Sigrid Tuva Thea Ole Lars Magnus Henrik \
                Knut Sindre Eirik Håkon Jonas Torstein Anders Sverre Marius Øyvind Gunnar",
        last: "Hansen Johansen Olsen Larsen Andersen Nilsen Kristiansen Jensen Karlsen Berg Haugen Hagen Johannessen Bakken \
               Solberg Lie Moen Strand Lund Dahl Eide Holm Aas Ruud Nygård Myhre Fossum Tveit Sandvik Rønning",
    },
    Country {
        name: "Sweden",
        share: 0.16,
        domain: "se",
        cities: &[
            ("Stockholm", 44.0),
            ("Gothenburg", 24.0),
            ("Malmö", 15.0),
            ("Uppsala", 9.0),
            ("Linköping", 5.0),
            ("Umeå", 3.0),
        ],
        first: "Elsa Maja Alice Ebba Linnea Saga Wilma Freja Agnes Karin Birgitta Malin Erik Oskar Axel Nils Gustav Viktor \
                Elias Hugo Fredrik Johan Mats Björn Stefan Mikael Tobias Linus",
        last: "Svensson Karlsson Nilsson Eriksson Persson Gustafsson Lindberg Lindström Lindqvist Bergström Sandberg Forsberg \
               Sjögren Wallin Engström Eklund Danielsson Lundgren Holmgren Nyström Söderberg Björk Åberg Hedlund Ekström Blomqvist",
    },
    Country {
        name: "Denmark",
        share: 0.12,
        domain: "dk",
        cities: &[
            ("Copenhagen", 50.0),
            ("Aarhus", 22.0),
            ("Odense", 12.0),
            ("Aalborg", 10.0),
            ("Esbjerg", 6.0),
        ],
        first: "Freja Ida Clara Laura Emma Josefine Mathilde Signe Kirsten Mette Pernille Rikke Mads Rasmus Søren Jens Niels \
                Frederik Kasper Jeppe Mikkel Asger Thorvald Morten Jesper Troels",
        last: "Nielsen Pedersen Christensen Sørensen Rasmussen Jørgensen Petersen Madsen Møller Thomsen Poulsen Knudsen \
               Mortensen Bach Lauridsen Winther Frandsen Schmidt Kjær Bruun Vestergaard Toft Krogh Mikkelsen Overgaard",
    },
    Country {
        name: "Germany",
        share: 0.17,
        domain: "de",
        cities: &[
            ("Berlin", 34.0),
            ("Hamburg", 22.0),
            ("Munich", 18.0),
            ("Cologne", 12.0),
            ("Frankfurt", 9.0),
            ("Leipzig", 5.0),
        ],
        first: "Anna Lena Mia Hannah Sophie Johanna Greta Katharina Ursula Heike Martina Claudia Paul Leon Lukas Felix \
                Maximilian Jonas Moritz Matthias Jürgen Wolfgang Stefan Uwe Karl Friedrich Tobias Dieter",
        last: "Müller Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Bauer Richter Klein Wolf Schröder \
               Neumann Schwarz Zimmermann Braun Krüger Hartmann Lange Werner Krause Lehmann Köhler Maier König Vogel Keller",
    },
    Country {
        name: "Netherlands",
        share: 0.12,
        domain: "nl",
        cities: &[
            ("Amsterdam", 44.0),
            ("Rotterdam", 23.0),
            ("Utrecht", 15.0),
            ("The Hague", 12.0),
            ("Eindhoven", 6.0),
        ],
        first: "Anouk Femke Sanne Lotte Fleur Marijke Wilhelmina Iris Roos Esmee Saskia Hendrik Daan Sem Bram Thijs Ruben \
                Jeroen Maarten Willem Pieter Joost Sander Gijs Koen Bas",
        last: "de-Jong Jansen de-Vries van-Dijk Bakker Visser Smit Meijer de-Boer Mulder de-Groot Bos Vos Peters Hendriks \
               van-Leeuwen Dekker Brouwer de-Wit Dijkstra Smits de-Graaf van-der-Meer Kok Jacobs Vermeulen",
    },
    Country {
        name: "France",
        share: 0.08,
        domain: "fr",
        cities: &[
            ("Paris", 50.0),
            ("Lyon", 20.0),
            ("Marseille", 14.0),
            ("Toulouse", 9.0),
            ("Nantes", 7.0),
        ],
        first: "Camille Manon Chloé Léa Juliette Margaux Élodie Sylvie Mathilde Aurélie Louis Gabriel Jules Hugo Étienne \
                Antoine Maxime Olivier Thierry Guillaume Benoît Luc",
        last: "Martin Bernard Dubois Thomas Robert Richard Petit Durand Leroy Moreau Simon Laurent Lefebvre Michel Garnier \
               Roux Fournier Girard Bonnet Lambert Fontaine Rousseau Mercier Blanc",
    },
    Country {
        name: "United Kingdom",
        share: 0.09,
        domain: "co.uk",
        cities: &[
            ("London", 48.0),
            ("Manchester", 18.0),
            ("Birmingham", 13.0),
            ("Leeds", 8.0),
            ("Edinburgh", 8.0),
            ("Bristol", 5.0),
        ],
        first: "Olivia Amelia Charlotte Grace Poppy Eleanor Margaret Imogen Priya Harriet George Oliver Harry Jack Arthur \
                Matthew Callum Rory Edward Mohammed Alistair Simon",
        last: "Smith Jones Taylor Brown Williams Wilson Davies Evans Thompson Walker Wright Robinson Green Hughes Edwards \
               Turner Hall Patel Harris Clarke Cooper Ward Morgan Campbell",
    },
    Country {
        name: "Spain",
        share: 0.06,
        domain: "es",
        cities: &[
            ("Madrid", 44.0),
            ("Barcelona", 30.0),
            ("Valencia", 13.0),
            ("Seville", 8.0),
            ("Bilbao", 5.0),
        ],
        first: "Lucía Martina Paula Carmen Elena Pilar Marta Inés Rocío Alba Hugo Mateo Javier Pablo Álvaro Manuel Sergio \
                Diego Andrés Ignacio Raúl Joaquín",
        last: "García Fernández González Rodríguez López Martínez Sánchez Pérez Gómez Díaz Ruiz Alonso Navarro Torres \
               Domínguez Vázquez Ramos Gil Serrano Molina Blanco Castro",
    },
];

const SEGMENTS: [(&str, f64); 3] = [("consumer", 0.78), ("business", 0.16), ("education", 0.06)];
/// How many never order.
const NEVER: f64 = 0.04;

/// Customers by the day they signed up, more of them every year.
pub(super) fn make(dice: &mut Dice) -> Vec<Customer> {
    let first_day = day(2020, 1, 6);
    let last = (day(2025, 12, 20) - first_day).num_days() as f64;
    // Raised to 3/4, so that more sign up as the shop grows.
    let mut late = || {
        let root = dice.unit().sqrt();
        root * root.sqrt()
    };
    let mut days: Vec<NaiveDate> = (0..CUSTOMERS)
        .map(|_| days_after(first_day, (late() * last) as i64))
        .collect();
    days.sort_unstable();
    let mut taken = HashSet::new();
    days.into_iter()
        .map(|signed_up| customer(dice, signed_up, &mut taken))
        .collect()
}

fn customer(dice: &mut Dice, signed_up: NaiveDate, taken: &mut HashSet<String>) -> Customer {
    let shares: Vec<(&Country, f64)> = COUNTRIES
        .iter()
        .map(|country| (country, country.share))
        .collect();
    let country: &Country = dice.weighted(&shares);
    let name = loop {
        let first: Vec<&str> = country.first.split_whitespace().collect();
        let last: Vec<&str> = country.last.split_whitespace().collect();
        let name = format!(
            "{} {}",
            dice.pick(&first),
            dice.pick(&last).replace('-', " ")
        );
        if taken.insert(name.clone()) {
            break name;
        }
    };
    let segment = dice.weighted(&SEGMENTS);
    // A long tail: a few order every other week, most a handful of times.
    let root = dice.unit().max(1e-3).sqrt();
    let keen = match segment {
        "business" => 1.8,
        "education" => 1.2,
        _ => 1.0,
    };
    let eagerness = if dice.chance(NEVER) {
        0.0
    } else {
        keen / (root * root.sqrt().sqrt())
    };
    Customer {
        email: email(&name, country.domain, dice),
        name,
        city: dice.weighted(country.cities),
        country: country.name,
        segment,
        signed_up,
        eagerness,
    }
}

/// An address under a name that is reserved for examples, so that nobody's mail is in the sample.
fn email(name: &str, domain: &str, dice: &mut Dice) -> String {
    let mut local = String::new();
    for letter in name.to_lowercase().chars() {
        match letter {
            ' ' => local.push('.'),
            'å' | 'ä' | 'á' | 'à' | 'â' => local.push('a'),
            'æ' => local.push_str("ae"),
            'ø' | 'ö' | 'ó' | 'ô' => local.push('o'),
            'ü' | 'ú' | 'û' => local.push('u'),
            'é' | 'è' | 'ê' | 'ë' => local.push('e'),
            'í' | 'î' | 'ï' => local.push('i'),
            'ñ' => local.push('n'),
            plain => local.push(plain),
        }
    }
    let host = *dice.pick(&["mail", "post", "home", "office"]);
    let domain = domain.replace('.', "-");
    format!("{local}@{host}-{domain}.example")
}

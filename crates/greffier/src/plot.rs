//! Plots for pages that stand alone: inline SVG, no script, no font or address from outside. Each
//! has a title and a description for those who listen; series differ by shape and stroke, not by
//! colour alone; the figures themselves stand in a table beside.

use std::fmt::Write as _;

use domain::Lang;

const WIDTH: f64 = 920.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 58.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;

/// One line of a plot.
pub struct Series {
    /// What it is.
    pub name: String,
    /// A value a step; none where nothing is known.
    pub points: Vec<Option<f64>>,
    /// What surely holds the value, drawn as a bar.
    pub bands: Vec<Option<(f64, f64)>>,
    /// Whether values stand apart instead of being joined.
    pub apart: bool,
}

/// A plot of values by week.
pub struct Plot {
    /// Tells it from others of the page.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// What there is to see, in a sentence or two.
    pub description: String,
    /// The weeks.
    pub steps: Vec<String>,
    /// The highest value that has a place; what is above is drawn at it.
    pub top: f64,
    /// Whether values are shares.
    pub percent: bool,
    /// At most three.
    pub series: Vec<Series>,
    /// A level not to be passed, and its name.
    pub limit: Option<(f64, String)>,
    /// What happened, and when; two at most, far from one another.
    pub marks: Vec<(usize, String)>,
    /// Weeks that are unlike the others, each with the one after the last, and what they are.
    pub shaded: (Vec<(usize, usize)>, String),
}

impl Plot {
    fn x(&self, step: usize) -> f64 {
        let steps = self.steps.len().max(1) as f64;
        LEFT + (WIDTH - LEFT - RIGHT) * (step as f64 + 0.5) / steps
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value / self.top).clamp(0.0, 1.0);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    }

    fn number(&self, value: f64) -> String {
        let text = match self.percent {
            true => format!("{:.1}", 100.0 * value),
            false => format!("{value:.1}"),
        };
        let text = text.strip_suffix(".0").unwrap_or(&text).to_owned();
        if self.percent { text + " %" } else { text }
    }

    /// The figure, with its legend.
    pub fn figure(&self) -> String {
        let mut out = String::new();
        let (id, title, description) = (&self.id, escaped(&self.title), escaped(&self.description));
        // A `String` takes whatever is written: these cannot fail.
        let _ = write!(
            out,
            "<figure>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\n<title id=\"{id}-t\">{title}</title>\n<desc id=\"{id}-d\">{description}</desc>\n"
        );
        for (from, to) in &self.shaded.0 {
            let half = (self.x(1) - self.x(0)) / 2.0;
            let (from, to) = (self.x(*from) - half, self.x(*to) - half);
            let _ = writeln!(
                out,
                "<rect class=\"shade\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"/>",
                to - from,
                HEIGHT - TOP - BOTTOM
            );
        }
        self.axes(&mut out);
        for (place, series) in self.series.iter().enumerate() {
            self.series(&mut out, place, series);
        }
        self.marks(&mut out);
        out.push_str("</svg>\n<figcaption><strong>");
        let stop = if title.ends_with('?') { "" } else { "." };
        let _ = write!(out, "{title}{stop}</strong> {description}");
        out.push_str("<span class=\"legend\">");
        for (place, series) in self.series.iter().enumerate() {
            let _ = write!(
                out,
                "<span><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\" class=\"key\"><line x1=\"1\" x2=\"29\" y1=\"6\" y2=\"6\" class=\"s{place}\"/>{}</svg> {}</span>",
                shape(place, 15.0, 6.0),
                escaped(&series.name)
            );
        }
        if let Some((_, name)) = &self.limit {
            let _ = write!(
                out,
                "<span><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\" class=\"key\"><line x1=\"1\" x2=\"29\" y1=\"6\" y2=\"6\" class=\"limit\"/></svg> {}</span>",
                escaped(name)
            );
        }
        if !self.shaded.0.is_empty() {
            let _ = write!(
                out,
                "<span><svg viewBox=\"0 0 30 12\" aria-hidden=\"true\" class=\"key\"><rect class=\"shade\" width=\"30\" height=\"12\"/></svg> {}</span>",
                escaped(&self.shaded.1)
            );
        }
        out.push_str("</span></figcaption>\n</figure>\n");
        out
    }

    fn axes(&self, out: &mut String) {
        for tick in 0..=4 {
            let value = self.top * f64::from(tick) / 4.0;
            let y = self.y(value);
            let _ = writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text class=\"y\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0,
                self.number(value)
            );
        }
        // A name fits every seventy units.
        let fits = ((WIDTH - LEFT - RIGHT) / 70.0) as usize;
        let every = self.steps.len().div_ceil(fits.max(1)).max(1);
        for (step, name) in self.steps.iter().enumerate().step_by(every) {
            let _ = writeln!(
                out,
                "<text class=\"x\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                self.x(step),
                HEIGHT - BOTTOM + 18.0,
                escaped(name)
            );
        }
        if let Some((value, _)) = &self.limit {
            let y = self.y(*value);
            let _ = writeln!(
                out,
                "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                WIDTH - RIGHT
            );
        }
    }

    fn series(&self, out: &mut String, place: usize, series: &Series) {
        for (step, band) in series.bands.iter().enumerate() {
            if let Some((low, high)) = band {
                let x = self.x(step);
                let _ = writeln!(
                    out,
                    "<line class=\"band\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                    self.y(*low),
                    self.y(*high)
                );
            }
        }
        let mut path = String::new();
        let mut joined = false;
        for (step, point) in series.points.iter().enumerate() {
            if let Some(value) = point {
                let to = if joined { 'L' } else { 'M' };
                let _ = write!(path, "{to}{:.1} {:.1}", self.x(step), self.y(*value));
            }
            joined = point.is_some();
        }
        if !series.apart {
            let _ = writeln!(out, "<path class=\"s{place}\" d=\"{path}\"/>");
        }
        for (step, point) in series.points.iter().enumerate() {
            if let Some(value) = point {
                out.push_str(&shape(place, self.x(step), self.y(*value)));
            }
        }
        out.push('\n');
    }

    fn marks(&self, out: &mut String) {
        for (step, text) in &self.marks {
            let x = self.x(*step);
            let (anchor, dx) = match x > WIDTH * 0.8 {
                true => ("end", -4.0),
                false => ("start", 4.0),
            };
            let _ = writeln!(
                out,
                "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"4\" y2=\"{:.1}\"/><text class=\"m\" text-anchor=\"{anchor}\" x=\"{:.1}\" y=\"15\">{}</text>",
                HEIGHT - BOTTOM,
                x + dx,
                escaped(text)
            );
        }
    }
}

fn shape(place: usize, x: f64, y: f64) -> String {
    match place {
        0 => format!("<circle class=\"p0\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>"),
        1 => format!(
            "<rect class=\"p1\" x=\"{:.1}\" y=\"{:.1}\" width=\"6\" height=\"6\"/>",
            x - 3.0,
            y - 3.0
        ),
        _ => format!(
            "<path class=\"p2\" d=\"M{x:.1} {:.1}l3.6 6.4h-7.2z\"/>",
            y - 4.0
        ),
    }
}

/// A table; its first column names the rows.
pub fn table(caption: &str, header: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table><caption>{0}</caption><thead><tr>",
        escaped(caption)
    );
    for cell in header {
        let _ = write!(out, "<th scope=\"col\">{}</th>", escaped(cell));
    }
    out.push_str("</tr></thead><tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (place, cell) in row.iter().enumerate() {
            let _ = match place {
                0 => write!(out, "<th scope=\"row\">{}</th>", escaped(cell)),
                _ => write!(out, "<td>{}</td>", escaped(cell)),
            };
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    out
}

/// A page that stands alone.
pub fn document(lang: Lang, title: &str, body: &str) -> String {
    let language = lang.pick("fr", "en");
    let title = escaped(title);
    format!(
        "<!doctype html>\n<html lang=\"{language}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title} – Greffier</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}</main>\n</body>\n</html>\n"
    )
}

/// A text as it stands in a page.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2126;--paper:#fff;--grid:#d5dade;--a:#0b5394;--b:#9a3412;--c:#4c6b1f;--stop:#a4161a;--soft:#f2f4f6}
@media(prefers-color-scheme:dark){:root{--ink:#e8ebee;--paper:#15191d;--grid:#3a4249;--a:#8ec5ff;--b:#ffb27d;--c:#b9dd84;--stop:#ff9c9c;--soft:#20262c}}
body{margin:0;background:var(--paper);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2rem}
figure{margin:1.5rem 0}figure>svg{width:100%;height:auto;background:var(--soft)}
figcaption{font-size:.95rem}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}.key{width:30px;height:12px}
.grid{stroke:var(--grid)}text{fill:var(--ink);font:12px system-ui,sans-serif}
.y{text-anchor:end}.x{text-anchor:middle}
path.s0,line.s0{stroke:var(--a);fill:none;stroke-width:2}.p0{fill:var(--a)}
path.s1,line.s1{stroke:var(--b);fill:none;stroke-width:2;stroke-dasharray:7 3}.p1{fill:var(--b)}
path.s2,line.s2{stroke:var(--c);fill:none;stroke-width:2;stroke-dasharray:2 3}.p2{fill:var(--c)}
.band{stroke:var(--a);stroke-width:7;opacity:.28}
.limit{stroke:var(--stop);stroke-width:1.5;stroke-dasharray:9 4}
.shade{fill:var(--ink);opacity:.13}
.mark{stroke:var(--ink);stroke-dasharray:1 3}.m{font-weight:600}
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem}caption{text-align:start;font-weight:600;padding:.4rem 0}
th,td{border-bottom:1px solid var(--grid);padding:.15rem .6rem;text-align:start;white-space:nowrap}
.stop{border-inline-start:4px solid var(--stop);padding-inline-start:.8rem}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_says_what_it_shows_and_asks_nothing_from_outside() {
        let plot = Plot {
            id: "rate".to_owned(),
            title: "Taux <d’erreur>".to_owned(),
            description: "Une semaine & une autre.".to_owned(),
            steps: (1..=52).map(|w| format!("S{w}")).collect(),
            top: 0.1,
            percent: true,
            series: vec![Series {
                name: "mesuré".to_owned(),
                points: (0..52).map(|w| (w != 7).then_some(0.01)).collect(),
                bands: vec![Some((0.0, 0.4))],
                apart: false,
            }],
            limit: Some((0.03, "promis".to_owned())),
            marks: vec![(19, "changement".to_owned())],
            shaded: (vec![(21, 24)], "suspendue".to_owned()),
        };
        let page = document(Lang::Fr, "Un an", &plot.figure());
        for part in [
            "<html lang=\"fr\">",
            "role=\"img\" aria-labelledby=\"rate-t rate-d\"",
            "<title id=\"rate-t\">Taux &lt;d’erreur&gt;</title>",
            "Une semaine &amp; une autre.",
            "changement",
            "suspendue",
        ] {
            assert!(page.contains(part), "{part} is not in {page}");
        }
        // A value that is missing leaves a gap, and what is too high is drawn at the top.
        assert_eq!(page.matches("class=\"p0\"").count(), 51 + 1);
        assert!(page.contains(&format!("y2=\"{TOP:.1}\"")));
        assert!(!page.contains("http"), "nothing is fetched");
        assert!(!page.contains("NaN"));
    }
}

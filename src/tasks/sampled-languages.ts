/** Which of a run's languages samples are written in while it trains. */
import { BabelgradError } from "../base/errors.ts";

/** When nobody names languages, so many of the first ones: a run of a hundred languages need not wait for as many samples. */
const languagesMax = 16;

/** Places in `languages` of those that `sample.languages` names, in its order. @throws BabelgradError `language-unknown` */
export function sampledLanguages(setting: string, languages: readonly string[]): readonly number[] {
  const named = setting.split(/[\s,+]+/).filter((code) => code !== "");
  if (named.length === 0) return [...languages.keys()].slice(0, languagesMax);
  return named.map((code) => placeOfLanguage(code, languages));
}

/** The place of a language of a run. @throws BabelgradError `language-unknown` */
export function placeOfLanguage(code: string, languages: readonly string[]): number {
  const place = languages.indexOf(code);
  if (place < 0) throw new BabelgradError("language-unknown", `the run has no language ${code}`, { languages: languages.join(", ") });
  return place;
}

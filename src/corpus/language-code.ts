/** Language codes in one spelling, so that folders en_GB and en-gb are one language: BCP 47's recommended case, by rule. */
import type { Language } from "../base/ids.ts";

const form = /^[a-z]{2,3}([-_][a-z]{4})?([-_]([a-z]{2}|[0-9]{3}))?([-_]([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*$/i;

/** The code as the manifest spells it (`zh-Hans`, `pt-BR`); undefined when the text is no code. */
export function languageCode(text: string): Language | undefined {
  if (!form.test(text)) return undefined;
  return text
    .split(/[-_]/)
    .map((part, place) => {
      const lower = part.toLowerCase();
      if (place === 0 || part.length > 4 || /[0-9]/.test(part)) return lower;
      return part.length === 4 ? lower.charAt(0).toUpperCase() + lower.slice(1) : lower.toUpperCase();
    })
    .join("-");
}

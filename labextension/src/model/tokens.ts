/** Splits a line into words of a kind, for colouring. Concatenated, the words are the line. */

export type TokenKind = "plain" | "keyword" | "string" | "number" | "comment" | "value" | "operator" | "type";

export interface Token {
  kind: TokenKind;
  text: string;
}

const PYTHON =
  /(?<comment>#.*$)|(?<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<keyword>\b(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|self|try|while|with|yield|True|False|None)\b)|(?<number>\b\d[\d_.]*(?:e[+-]?\d+)?\b)|(?<operator>\b[A-Za-z_]\w*(?=\())/gu;

const GRAPH =
  /(?<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<value>%[^\s,()=\]]+)|(?<operator>\b[A-Za-z_]\w*::\w+(?:\.\w+)?|\b[A-Za-z_]\w*(?=\())|(?<keyword>\b(?:input|output|return|True|False|None|nothing)\b)|(?<number>(?<![\w.])-?\d[\d.]*(?:e[+-]?\d+)?\b)/gu;

const LONGEST = 4000;

/** Words of one line of Python or of a graph's text. */
export function tokens(line: string, language: "python" | "graph"): Token[] {
  if (line.length > LONGEST) return [{ kind: "plain", text: line }];
  const parts: Token[] = [];
  let end = 0;
  for (const match of line.matchAll(language === "python" ? PYTHON : GRAPH)) {
    if (match.index > end) parts.push({ kind: "plain", text: line.slice(end, match.index) });
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0] ?? "plain";
    parts.push({ kind: kind as TokenKind, text: match[0] });
    end = match.index + match[0].length;
  }
  if (end < line.length) parts.push({ kind: "plain", text: line.slice(end) });
  return parts;
}

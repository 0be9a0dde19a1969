//! What is wrong with a modifier chain or a value.

use super::{Plain, Quoted, RegexFault, causes};

causes! {
    /// Why a chain of modifiers makes no sense.
    pub enum ChainFault {
        Unknown(name: Quoted): "{name} is not a modifier of Sigma" | "{name}は Sigma の修飾子ではありません",
        Twice(name: Plain): "{name} occurs twice" | "{name} が2回あります",
        ExistsAlone: "exists stands alone" | "exists はほかの修飾子と組み合わせられません",
        ExpandInRegex: "placeholders in a regular expression have no defined meaning" | "正規表現の中のプレースホルダーは意味が定まっていません",
        Missing: "a field name or modifier is missing" | "項目名か修飾子がありません",
        AllOfPlaceholder: "whether all means all values of a placeholder is not defined" | "all がプレースホルダーのすべての値を指すかどうかは定まっていません",
        KeywordBound: "keywords are searched anywhere, not at a start or end" | "キーワードは位置を問わず検索します（startswith・endswith は使えません）",
    }
}

causes! {
    /// What a value is on its way through its modifiers.
    pub enum ValueKind {
        Null: "null" | "空の値（null）",
        Truth: "a truth value" | "真偽値",
        Number: "a number" | "数値",
        Text: "text" | "文字列",
        Bytes: "encoded bytes" | "符号化されたバイト列",
        Regex: "a regular expression" | "正規表現",
        Network: "a network" | "ネットワーク",
        DatePart: "a part of a date" | "日時の一部",
        Comparison: "a comparison" | "比較",
        Reference: "a reference to a field" | "項目への参照",
        Existence: "a test of existence" | "有無の判定",
    }
}

causes! {
    /// Why a value does not fit its modifiers.
    pub enum ValueFault {
        NotFor(kind: ValueKind): "does not apply to {kind}" | "この修飾子は{kind}には使えません",
        CasedNotFor(kind: ValueKind): "cased does not apply to {kind}" | "cased は{kind}には使えません",
        BytesNoText: "these bytes are no text; put base64 or base64offset behind" | "このバイト列は文字列ではありません。後に base64 か base64offset を付けてください",
        WildcardsEncoded: "text with wildcards cannot be encoded; put contains, startswith, endswith and windash behind the encoding" | "ワイルドカードを含む文字列は符号化できません。contains・startswith・endswith・windash は符号化の後に置いてください",
        MustComeFirst: "must come first, before modifiers that change text" | "文字列を変える修飾子より前に置く必要があります",
        ExistsTakesTruth: "exists takes true or false" | "exists の値は true か false です",
        TooShortForOffset: "too short for base64offset; give at least two bytes" | "base64offset には短すぎます。2バイト以上にしてください",
        ReferencePlace: "a reference takes one of contains, startswith, endswith" | "項目の参照に付けられるのは contains・startswith・endswith のうち1つです",
        FlagsBehindRegex: "i, m and s stand behind re" | "i・m・s は re の後に置きます",
        ComparisonNeedsNumber(kind: ValueKind): "a comparison needs a number, found {kind}" | "比較には数値が必要ですが、{kind}です",
        DatePartNeedsNumber(kind: ValueKind): "a part of a date is compared with a number, found {kind}" | "日時の一部と比べる値は数値ですが、{kind}です",
        NeedsField: "this needs the name of a field" | "項目名が必要です",
        NoNetwork: "not a network such as 10.0.0.0/8" | "10.0.0.0/8 のようなネットワークではありません",
        Prefix(bits_max: u32): "the prefix is not a number up to {bits_max}" | "プレフィックス長が {bits_max} 以下の数値ではありません",
        HostBits(bits: u32): "the address has bits set behind its prefix of {bits}" | "アドレスの、プレフィックス長 {bits} より後ろのビットが 0 ではありません",
        Regex(fault: RegexFault): "the regular expression is not understood: {fault}" | "正規表現を解釈できません: {fault}",
        RegexTooLarge(bytes: usize): "the regular expression needs more than {bytes} bytes once compiled" | "正規表現が大きすぎます（コンパイル後に {bytes} バイトを超えます）",
        Ambiguous(name: Plain): "several backslashes before %{name}% leave open whether it is a placeholder" | "%{name}% の前に複数の \\ があり、プレースホルダーかどうか判断できません",
        EmptyList: "an empty list matches nothing; remove the field or fill the list" | "空のリストは何にも一致しません。項目を消すか、値を入れてください",
        Nested: "lists and maps within a field's values have no meaning in Sigma" | "項目の値の中のリストやマップは、Sigma では意味を持ちません",
    }
}

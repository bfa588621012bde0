// SPDX-License-Identifier: Apache-2.0
// See hash_list.hpp.
#include <bailiff/hash_list.hpp>

#include <algorithm>

namespace bailiff {

namespace {

/// Of each byte its value as a lower-case hex digit, 255 for those that are none: a list has millions of them.
constexpr std::array<uint8_t, 256> hex_values = [] {
    std::array<uint8_t, 256> out{};
    for (size_t c = 0; c < out.size(); ++c)
        out[c] = c >= '0' && c <= '9' ? uint8_t(c - '0') : c >= 'a' && c <= 'f' ? uint8_t(c - 'a' + 10) : uint8_t(255);
    return out;
}();

void append_hex(std::string& out, const HashDigest& digest) {
    static constexpr char digits[] = "0123456789abcdef";
    for (const uint8_t byte : digest) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
}

std::string_view trimmed(std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\r");
    return first == text.npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

bool read_hash_digest(std::string_view text, HashDigest& out) {
    if (text.size() < 64) return false;
    for (size_t i = 0; i < 32; ++i) {
        const unsigned high = hex_values[uint8_t(text[2 * i])], low = hex_values[uint8_t(text[2 * i + 1])];
        if ((high | low) > 15) return false;
        out[i] = uint8_t(high << 4 | low);
    }
    return true;
}

bool is_hash_name(std::string_view name) {
    return !name.empty() && name.size() <= longest_hash_name && name.front() != ' ' && name.back() != ' ' &&
           std::all_of(name.begin(), name.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string hash_list_payload(const HashListHead& head) {
    return dump_json(Json{{"kind", name(head.kind)}, {"name", head.name}, {"version", head.version}, {"made_at", format_rfc3339(head.made_at)},
                          {"entries", head.entries}, {"sha256", head.sha256}});
}

Result<HashListHead> parse_hash_list_payload(std::string_view payload) {
    const auto json = parse_json(payload, JsonLimits{longest_hash_list_head, 4});
    if (!json) return fail(json.error());
    std::vector<Mistake> mistakes;
    JsonReader in(*json, mistakes);
    HashListHead out;
    out.kind = in.word("kind", HashListKind::bad);
    out.name = in.text("name", longest_hash_name);
    out.version = in.integer("version", 1, std::numeric_limits<int64_t>::max());
    out.made_at = in.instant("made_at");
    out.entries = in.integer("entries", 0, most_hash_entries);
    out.sha256 = in.text("sha256", 64);
    in.finish();
    if (mistakes.empty() && !is_hash_name(out.name)) in.mistake("name", "must be printable ASCII");
    if (mistakes.empty() && !is_hex(out.sha256, 64)) in.mistake("sha256", "must be 64 lower-case hex digits");
    if (!mistakes.empty()) return fail(Errc::invalid, describe(mistakes));
    return out;
}

Result<HashListHead> open_hash_list_head(std::string_view line, const TrustedKeys& keys) {
    const auto opened = open_envelope(line, keys);
    if (!opened) {
        switch (opened.error()) {
            case EnvelopeFault::too_large:
            case EnvelopeFault::malformed: return fail(Errc::invalid, "its first line is no signed envelope; make the list with 'bailiffctl hashes sign'");
            case EnvelopeFault::unknown_key: return fail(Errc::forbidden, "it is signed by none of the given keys; name its maker's public key with --hash-list-key");
            case EnvelopeFault::bad_signature: return fail(Errc::forbidden, "its signature does not fit: it was changed after it was signed; fetch it anew");
        }
    }
    if (opened->type != hash_list_type) return fail(Errc::forbidden, "what is signed is no hash list but '" + opened->type.substr(0, 100) + "'; name another file");
    auto head = parse_hash_list_payload(opened->payload);
    if (!head) return fail(Errc::invalid, "what is signed is no hash list of this version: " + head.error().text);
    return head;
}

bool read_hash_entry(std::string_view line, HashListKind kind, HashDigest& digest, std::string_view& name) {
    if (!read_hash_digest(line, digest)) return false;
    line.remove_prefix(64);
    name = {};
    if (kind == HashListKind::good) return line.empty();
    if (line.empty() || line[0] != ' ') return false;
    name = line.substr(1);
    return is_hash_name(name);
}

Result<std::vector<HashEntry>> read_hash_sums(std::string_view text, HashListKind kind) {
    std::vector<HashEntry> out;
    for (int64_t number = 1; !text.empty(); ++number) {
        const size_t end = text.find('\n');
        std::string_view line = trimmed(text.substr(0, end));
        text.remove_prefix(end == text.npos ? text.size() : end + 1);
        if (line.empty() || line[0] == '#') continue;
        const auto wrong = [&](const std::string& what) { return fail(Errc::invalid, "line " + std::to_string(number) + " " + what); };
        HashEntry entry;
        if (!read_hash_digest(line, entry.digest) || (line.size() > 64 && line[64] != ' ' && line[64] != '\t'))
            return wrong("does not begin with a SHA-256 of 64 lower-case hex digits; write 'SHA256  NAME' as sha256sum prints it");
        if (kind == HashListKind::bad) {
            std::string_view name = trimmed(line.substr(64));
            if (name.starts_with('*')) name.remove_prefix(1);  // sha256sum's mark of binary mode
            if (!is_hash_name(name)) return wrong("has no name of 1 to 128 printable ASCII characters; a bad content is reported under its name");
            entry.name = std::string(name);
        }
        if (int64_t(out.size()) == most_hash_entries) return wrong("is one too many: a list holds at most " + std::to_string(most_hash_entries) + " entries; make several lists");
        out.push_back(std::move(entry));
    }
    return out;
}

std::string write_hash_list(const SignatureKey& key, HashListHead head, std::vector<HashEntry> entries) {
    std::stable_sort(entries.begin(), entries.end(), [](const HashEntry& a, const HashEntry& b) { return a.digest < b.digest; });
    entries.erase(std::unique(entries.begin(), entries.end(), [](const HashEntry& a, const HashEntry& b) { return a.digest == b.digest; }), entries.end());
    std::string lines;
    for (const HashEntry& entry : entries) {
        append_hex(lines, entry.digest);
        if (head.kind == HashListKind::bad) lines += " " + entry.name;
        lines += '\n';
    }
    head.entries = int64_t(entries.size());
    head.sha256 = sha256_hex(lines);
    return seal(key, hash_list_type, hash_list_payload(head)) + "\n" + lines;
}

Result<TrustedKeys> read_public_keys(std::string_view pem) {
    TrustedKeys out;
    constexpr std::string_view begin = "-----BEGIN";
    for (size_t at = pem.find(begin); at != pem.npos;) {
        const size_t next = pem.find(begin, at + begin.size());
        auto key = SignatureKey::from_public_pem(pem.substr(at, next == pem.npos ? next : next - at));
        if (!key) return fail(key.error());
        out.insert_or_assign(key->key_id(), std::move(*key));
        at = next;
    }
    if (out.empty()) return fail(Errc::invalid, "it holds no public key in PEM; `openssl pkey -in KEY -pubout` prints one");
    return out;
}

}  // namespace bailiff

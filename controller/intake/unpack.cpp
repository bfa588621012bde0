// SPDX-License-Identifier: Apache-2.0
// ZIP by its central directory (APPNOTE 6.3.x, §4.3), and where that is lost by the local headers; inflation by zlib.
#include "controller/intake/unpack.hpp"

#include <bailiff/clean_text.hpp>

#include <algorithm>
#include <cstdint>
#include <zlib.h>

namespace bailiff {
namespace {

constexpr std::string_view local_mark{"PK\x03\x04", 4}, central_mark{"PK\x01\x02", 4}, end_mark{"PK\x05\x06", 4}, gzip_mark{"\x1F\x8B", 2};

uint32_t little(std::string_view bytes, size_t at, size_t width) {
    uint32_t value = 0;
    for (size_t i = 0; i < width && at + i < bytes.size(); ++i) value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    return value;
}

enum class Inflated { whole, too_large, broken };

/// Inflates one stream from the front of `input`, at most `most` bytes of it; `input` moves behind the stream.
/// `bits` as zlib takes them: -15 raw, 31 gzip.
Inflated inflated(std::string_view& input, int bits, size_t most, std::string& out) {
    z_stream stream{};
    if (inflateInit2(&stream, bits) != Z_OK) return Inflated::broken;
    // zlib's interface predates const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data()));
    stream.avail_in = static_cast<uInt>(std::min<size_t>(input.size(), UINT32_MAX));
    char piece[64 * 1024];
    int state = Z_OK;
    while (state == Z_OK) {
        stream.next_out = reinterpret_cast<Bytef*>(piece);
        stream.avail_out = sizeof piece;
        state = inflate(&stream, Z_NO_FLUSH);
        const size_t got = sizeof piece - stream.avail_out;
        if (out.size() + got > most) {
            inflateEnd(&stream);
            return Inflated::too_large;
        }
        out.append(piece, got);
        if (state == Z_OK && got == 0 && stream.avail_in == 0) break;
    }
    input.remove_prefix(input.size() - stream.avail_in);
    inflateEnd(&stream);
    return state == Z_STREAM_END ? Inflated::whole : Inflated::broken;
}

class Unpacking {
  public:
    Unpacking(const ReportLimits& limits, std::vector<std::string>& warnings) : limits_(limits), warnings_(warnings) {}

    void open(std::string_view bytes, const std::string& name, int depth) {
        if (bytes.starts_with(gzip_mark)) open_gzip(bytes, name, depth);
        else open_zip(bytes, name, depth);
    }
    std::vector<UnpackedFile> files;

  private:
    void open_gzip(std::string_view bytes, const std::string& name, int depth) {
        std::string out;
        // One gzip may follow another; the first that fails ends it.
        Inflated how = Inflated::whole;
        while (how == Inflated::whole && bytes.starts_with(gzip_mark)) how = inflated(bytes, 31, left(), out);
        say_how(how, name);
        if (out.empty() && how != Inflated::whole) return;
        std::string inner = name;
        if (inner.size() > 3 && inner.ends_with(".gz")) inner.resize(inner.size() - 3);
        keep(inner, std::move(out), depth);
    }

    void open_zip(std::string_view bytes, const std::string& name, int depth) {
        size_t end = bytes.size() < 22 ? std::string_view::npos : bytes.rfind(end_mark, bytes.size() - 22);
        // The directory's end stands in the last 64 KB, whatever the archive's comment.
        if (end != std::string_view::npos && bytes.size() - end > 22 + 65535) end = std::string_view::npos;
        size_t at = end == std::string_view::npos ? bytes.size() : little(bytes, end + 16, 4);
        size_t count = 0;
        while (at + 46 <= bytes.size() && bytes.substr(at).starts_with(central_mark)) {
            if (++count > limits_.members) return say_too_many(name);
            const size_t name_size = little(bytes, at + 28, 2);
            const std::string member = plain_name(bytes.substr(at + 46, name_size));
            const size_t local = little(bytes, at + 42, 4);
            const bool secret = little(bytes, at + 8, 2) & 1;
            open_member(bytes, local, little(bytes, at + 10, 2), little(bytes, at + 20, 4), secret, member, depth);
            at += 46 + name_size + little(bytes, at + 30, 2) + little(bytes, at + 32, 2);
        }
        if (count > 0 || bytes.size() < 30 || !bytes.starts_with(local_mark)) return;
        say("The archive '" + name + "' has lost its directory; only its first file was opened.");
        open_member(bytes, 0, little(bytes, 8, 2), little(bytes, 18, 4), little(bytes, 6, 2) & 1, plain_name(bytes.substr(30, little(bytes, 26, 2))), depth);
    }

    void open_member(std::string_view bytes, size_t local, uint32_t method, size_t packed_size, bool secret, const std::string& member, int depth) {
        if (member.empty()) return;  // a folder
        if (secret) return say("The file '" + member + "' is encrypted; ask the reporter for the password and unpack it by hand.");
        if (local + 30 > bytes.size() || !bytes.substr(local).starts_with(local_mark)) return say("The file '" + member + "' is not where its archive says.");
        const size_t from = local + 30 + little(bytes, local + 26, 2) + little(bytes, local + 28, 2);
        if (from > bytes.size()) return say("The file '" + member + "' ends before it begins.");
        std::string_view packed = bytes.substr(from);
        std::string out;
        if (method == 0) {
            packed = packed.substr(0, packed_size);
            if (packed.size() > left()) return say_how(Inflated::too_large, member);
            out = packed;
        } else if (method == 8) {
            const Inflated how = inflated(packed, -15, left(), out);
            say_how(how, member);
        } else {
            return say("The file '" + member + "' is packed by method " + std::to_string(method) + ", which is not known; unpack it by hand.");
        }
        keep(member, std::move(out), depth);
    }

    void keep(const std::string& name, std::string bytes, int depth) {
        used_ += bytes.size();
        if (files.size() >= limits_.members) return say_too_many(name);
        if (looks_packed(bytes)) {
            if (depth >= 2) return say("The archive '" + name + "' lies too deep in others; unpack it by hand.");
            return open(bytes, name, depth + 1);
        }
        files.push_back({name, std::move(bytes)});
    }

    void say_how(Inflated how, const std::string& name) {
        const std::string most = std::to_string(limits_.unpacked_bytes);
        if (how == Inflated::too_large) say("The file '" + name + "' unpacks to more than " + most + " bytes; only its beginning was read.");
        if (how == Inflated::broken) say("The file '" + name + "' is damaged; what could be unpacked was read.");
    }
    void say_too_many(const std::string& name) {
        say("The archive with '" + name + "' holds more than " + std::to_string(limits_.members) + " files; the rest was not opened.");
    }
    void say(std::string text) {
        if (warnings_.size() < 20) warnings_.push_back(std::move(text));
    }
    static std::string plain_name(std::string_view path) {
        return clean_line(path.substr(path.find_last_of("/\\") + 1), 200);
    }
    size_t left() const { return limits_.unpacked_bytes - std::min(limits_.unpacked_bytes, used_); }

    const ReportLimits& limits_;
    std::vector<std::string>& warnings_;
    size_t used_ = 0;
};

}  // namespace

bool looks_packed(std::string_view bytes) { return bytes.starts_with(local_mark) || bytes.starts_with(end_mark) || bytes.starts_with(gzip_mark); }

std::vector<UnpackedFile> unpack(std::string_view bytes, std::string_view name, const ReportLimits& limits, std::vector<std::string>& warnings) {
    Unpacking work(limits, warnings);
    work.open(bytes, clean_line(name, 200), 0);
    return std::move(work.files);
}

}  // namespace bailiff

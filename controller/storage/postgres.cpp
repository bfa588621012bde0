// SPDX-License-Identifier: Apache-2.0
// PostgreSQL behind SqlConnection, by libpq. Everything travels as text.
#include "controller/storage/postgres.hpp"

#include "controller/storage/rows.hpp"

#include <libpq-fe.h>

#include <charconv>
#include <stdexcept>
#include <utility>
#include <vector>

namespace bailiff {

namespace {

using PgResult = std::unique_ptr<PGresult, decltype(&PQclear)>;

/// libpq's messages end in newlines and may have several lines.
std::string one_line(const char* message) {
    std::string out;
    for (const char* c = message ? message : ""; *c; ++c) out += *c == '\n' ? ' ' : *c;
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

class PostgresConnection : public SqlConnection {
  public:
    PostgresConnection(std::string url, const Clock& clock, const PostgresOptions& options)
        : url_(std::move(url)), clock_(clock), options_(options) {}
    ~PostgresConnection() override { disconnect(); }

    SqlDialect dialect() const override { return SqlDialect::postgres; }
    std::string where() const override { return where_.empty() ? "PostgreSQL" : where_; }
    std::string set_aside(const std::string&) override { return {}; }  // a server's backups are its operator's matter
    void script(const std::string& sql) override {
        usable();
        take(PQexec(connection_, sql.c_str()));
    }

    /// Connects unless connected. Throws when it cannot, or tried too recently.
    void usable();
    /// The result of a call, or the exception that it stands for.
    PgResult take(PGresult* raw);
    PGconn* connection() { return connection_; }
    int64_t generation() const { return generation_; }

  protected:
    std::unique_ptr<SqlStatement> prepare(const std::string& sql) override;
    void begin() override;
    void command(const std::string& sql) override { script(sql); }
    void roll_back() noexcept override {
        if (connection_ && PQstatus(connection_) == CONNECTION_OK) PQclear(PQexec(connection_, "rollback"));
        // A server that does not even roll back is of no use: the session ends, and with it the transaction.
        if (connection_ && (PQstatus(connection_) != CONNECTION_OK || PQtransactionStatus(connection_) != PQTRANS_IDLE)) disconnect();
    }

  private:
    void connect();
    void disconnect() noexcept {
        PQfinish(connection_);
        connection_ = nullptr;
    }

    std::string url_, where_;
    const Clock& clock_;
    PostgresOptions options_;
    PGconn* connection_ = nullptr;
    int64_t generation_ = 0;  ///< of the session: prepared statements die with it
    std::chrono::milliseconds wait_{0}, not_before_{0};
};

class PostgresStatement : public SqlStatement {
  public:
    PostgresStatement(PostgresConnection& connection, std::string sql, std::string name)
        : connection_(connection), sql_(std::move(sql)), name_(std::move(name)) {
        for (size_t i = 0; i + 1 < sql_.size(); ++i)
            if (sql_[i] == '$') {
                size_t n = 0;
                std::from_chars(sql_.data() + i + 1, sql_.data() + sql_.size(), n);
                if (n > values_.size()) values_.resize(n);
            }
    }
    int parameters() const override { return int(values_.size()); }
    void bind_null(int n) override { values_[size_t(n - 1)].reset(); }
    void bind_integer(int n, int64_t value) override { values_[size_t(n - 1)] = std::to_string(value); }
    void bind_text(int n, std::string_view value) override {
        values_[size_t(n - 1)] = is_clean_text(value) ? std::string(value) : cleaned(value);
    }
    bool step() override {
        if (!result_) execute();
        return ++row_ < PQntuples(result_.get());
    }
    int64_t changed() const override {
        const std::string_view text = result_ ? PQcmdTuples(result_.get()) : "";
        int64_t count = 0;
        std::from_chars(text.data(), text.data() + text.size(), count);
        return count;
    }
    bool is_null(int column) const override { return PQgetisnull(result_.get(), row_, column) != 0; }
    int64_t integer(int column) const override {
        const std::string_view value = text(column);
        int64_t out = 0;
        std::from_chars(value.data(), value.data() + value.size(), out);
        return out;
    }
    std::string_view text(int column) const override {
        return {PQgetvalue(result_.get(), row_, column), size_t(PQgetlength(result_.get(), row_, column))};
    }
    void reset() noexcept override {
        result_.reset();
        row_ = -1;
    }

  private:
    /// PostgreSQL refuses NUL and what is no UTF-8; such bytes become U+FFFD.
    static std::string cleaned(std::string_view value) {
        std::string out;
        for (size_t i = 0; i < value.size();) {
            size_t length = 1;
            while (length < 4 && i + length < value.size() && !is_clean_text(value.substr(i, length))) ++length;
            if (is_clean_text(value.substr(i, length))) {
                out += value.substr(i, length);
                i += length;
            } else {
                out += "\xEF\xBF\xBD";
                ++i;
            }
        }
        return out;
    }
    void execute() {
        connection_.usable();
        if (generation_ != connection_.generation()) {
            connection_.take(PQprepare(connection_.connection(), name_.c_str(), sql_.c_str(), 0, nullptr));
            generation_ = connection_.generation();
        }
        std::vector<const char*> values;
        for (const auto& value : values_) values.push_back(value ? value->c_str() : nullptr);
        result_ = connection_.take(
            PQexecPrepared(connection_.connection(), name_.c_str(), int(values.size()), values.data(), nullptr, nullptr, 0));
        row_ = -1;
    }

    PostgresConnection& connection_;
    std::string sql_, name_;
    std::vector<std::optional<std::string>> values_;
    PgResult result_{nullptr, PQclear};
    int row_ = -1;
    int64_t generation_ = 0;
};

void PostgresConnection::connect() {
    const auto now = clock_.monotonic();
    if (now < not_before_)
        throw StorageOutage("the database " + where() + " is out of reach; it is tried again in " +
                            std::to_string((not_before_ - now).count()) + " ms");
    disconnect();
    // The last two end a session whose server vanished without a word within some 20 seconds.
    const char* const keywords[] = {"dbname", "connect_timeout", "fallback_application_name", "client_encoding", "keepalives_idle",
                                    "tcp_user_timeout", nullptr};
    const char* const values[] = {url_.c_str(), "5", "bailiff", "UTF8", "10", "20000", nullptr};
    connection_ = PQconnectdbParams(keywords, values, 1);
    if (!connection_ || PQstatus(connection_) != CONNECTION_OK) {
        const std::string why = connection_ ? one_line(PQerrorMessage(connection_)) : "out of memory";
        disconnect();
        wait_ = wait_.count() == 0 ? options_.first_wait : std::min(wait_ * 2, options_.longest_wait);
        not_before_ = now + wait_;
        throw StorageOutage("the database server cannot be reached (" + why + "); check that PostgreSQL runs and lets this program in");
    }
    ++generation_;
    wait_ = not_before_ = {};
    where_ = std::string(PQdb(connection_)) + " at " + (PQhost(connection_) ? PQhost(connection_) : "");
    // A transaction that somebody's bug leaves open must not hold the head of the audit chain for ever.
    take(PQexec(connection_, ("set statement_timeout = " + std::to_string(options_.statement_timeout.count()) +
                              "; set idle_in_transaction_session_timeout = '60s'; set client_min_messages = warning")
                                 .c_str()));
}

void PostgresConnection::usable() {
    if (connection_ && PQstatus(connection_) == CONNECTION_OK) return;
    // Inside a transaction a fresh session would continue what the old one has lost.
    if (depth() > 0) {
        lost();
        throw StorageOutage("the connection to the database " + where() + " broke within a transaction; it is tried again");
    }
    connect();
}

PgResult PostgresConnection::take(PGresult* raw) {
    PgResult result(raw, PQclear);
    const ExecStatusType status = raw ? PQresultStatus(raw) : PGRES_FATAL_ERROR;
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY) return result;
    const char* code_text = raw ? PQresultErrorField(raw, PG_DIAG_SQLSTATE) : nullptr;
    const std::string code = code_text ? code_text : "";
    const std::string why = one_line(raw ? PQresultErrorMessage(raw) : PQerrorMessage(connection_));
    if (PQstatus(connection_) != CONNECTION_OK || code.starts_with("57P")) {
        disconnect();
        lost();
        throw StorageOutage("the connection to the database " + where() + " broke (" + why + "); it is opened again by itself");
    }
    // 40001 serialization failure, 40P01 deadlock, 55P03 lock not available.
    if (code == "40001" || code == "40P01" || code == "55P03") {
        lost();
        throw SqlConflict("another controller changed the same rows at the same time (" + why + "); read again and repeat");
    }
    if (code.starts_with("53"))  // disk full, out of memory, too many connections
        throw StorageOutage("the database server " + where() + " lacks room (" + why + "); work resumes by itself when it has some");
    if (code == "25006")
        throw StorageOutage("the database server " + where() + " is read-only (" + why + "); point Bailiff at the primary server");
    if (code.starts_with("22") || code.starts_with("23") || code.starts_with("42")) throw std::logic_error("a query is wrong: " + why);
    throw StorageOutage("the database server " + where() + " does not do it: " + why);
}

std::unique_ptr<SqlStatement> PostgresConnection::prepare(const std::string& sql) {
    static thread_local int64_t serial = 0;  // names need only differ within a session
    return std::make_unique<PostgresStatement>(*this, sql, "q" + std::to_string(++serial));
}

void PostgresConnection::begin() {
    usable();
    // Nothing has happened yet: a session that died while nobody looked may be replaced without anybody noticing.
    const PgResult result(PQexec(connection_, "begin"), PQclear);
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) return;
    disconnect();
    connect();
    take(PQexec(connection_, "begin"));
}

}  // namespace

bool has_postgres() { return true; }

Result<std::unique_ptr<SqlConnection>> open_postgres(const std::string& url, const Clock& clock, const PostgresOptions& options) {
    auto connection = std::make_unique<PostgresConnection>(url, clock, options);
    try {
        connection->usable();
    } catch (const StorageOutage& outage) {
        return fail(Errc::unavailable, outage.what());
    }
    return std::unique_ptr<SqlConnection>(std::move(connection));
}

}  // namespace bailiff

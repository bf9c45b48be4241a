//! Which call a method and a path name.

/// A call that the org answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// `POST /services/oauth2/token`
    Token,
    /// `POST /services/oauth2/revoke`
    Revoke,
    /// `GET /services/oauth2/userinfo`
    UserInfo,
    /// `GET /services/data`
    Versions,
    /// `GET /services/data/vXX.X`
    Resources,
    /// `GET .../limits`
    Limits,
    /// `GET .../query`
    Query,
    /// `GET .../queryAll`
    QueryAll,
    /// `GET .../query/{locator}`
    QueryMore,
    /// `POST .../composite`
    Composite,
    /// `GET .../sobjects`
    Objects,
    /// `GET .../sobjects/{object}/describe`
    Describe,
    /// `GET .../sobjects/{object}/updated`
    Updated,
    /// `GET .../sobjects/{object}/deleted`
    Deleted,
    /// `GET .../sobjects/{object}/{id}`
    Record,
    /// `POST .../jobs/ingest`
    JobCreate,
    /// `GET .../jobs/ingest`
    JobList,
    /// `GET .../jobs/ingest/{id}`
    JobInfo,
    /// `PATCH .../jobs/ingest/{id}`
    JobPatch,
    /// `DELETE .../jobs/ingest/{id}`
    JobDelete,
    /// `PUT .../jobs/ingest/{id}/batches`
    JobUpload,
    /// `GET .../jobs/ingest/{id}/successfulResults`
    SuccessfulResults,
    /// `GET .../jobs/ingest/{id}/failedResults`
    FailedResults,
    /// `GET .../jobs/ingest/{id}/unprocessedrecords`
    UnprocessedRecords,
    /// `POST .../jobs/query`
    QueryJobCreate,
    /// `GET .../jobs/query`
    QueryJobList,
    /// `GET .../jobs/query/{id}`
    QueryJobInfo,
    /// `PATCH .../jobs/query/{id}`
    QueryJobPatch,
    /// `DELETE .../jobs/query/{id}`
    QueryJobDelete,
    /// `GET .../jobs/query/{id}/results`
    QueryJobResults,
    /// `GET .../jobs/query/{id}/resultPages`
    QueryJobPages,
    /// Anything else
    Unknown,
}

/// The methods that at least one call uses.
const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The call of a request, and what its path names.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Route {
    pub(crate) endpoint: Endpoint,
    /// The API version, if the path has one.
    pub(crate) version: Option<f64>,
    /// The object that the path names.
    pub(crate) object: String,
    /// The job or record that the path names.
    pub(crate) id: String,
}

impl Route {
    /// Reads a path. Ignores trailing and doubled slashes.
    pub(crate) fn parse(method: &str, path: &str) -> Self {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let mut route = Self { endpoint: Endpoint::Unknown, version: None, object: String::new(), id: String::new() };
        match (method, segments.as_slice()) {
            ("POST", ["services", "oauth2", "token"]) => route.endpoint = Endpoint::Token,
            ("POST", ["services", "oauth2", "revoke"]) => route.endpoint = Endpoint::Revoke,
            ("GET" | "POST", ["services", "oauth2", "userinfo"]) => route.endpoint = Endpoint::UserInfo,
            ("GET", ["services", "data"]) => route.endpoint = Endpoint::Versions,
            (_, ["services", "data", version, rest @ ..]) => {
                route.version = version.strip_prefix('v').and_then(|version| version.parse().ok());
                route.parse_in_version(method, rest);
            }
            _ => {}
        }
        route
    }

    fn parse_in_version(&mut self, method: &str, segments: &[&str]) {
        self.endpoint = match (method, segments) {
            ("GET", []) => Endpoint::Resources,
            ("GET", ["limits"]) => Endpoint::Limits,
            ("GET", ["query"]) => Endpoint::Query,
            ("GET", ["queryAll"]) => Endpoint::QueryAll,
            ("GET", ["query" | "queryAll", locator]) => {
                self.id = (*locator).to_owned();
                Endpoint::QueryMore
            }
            ("POST", ["composite"]) => Endpoint::Composite,
            ("GET", ["sobjects"]) => Endpoint::Objects,
            ("GET", ["sobjects", object, rest]) => {
                self.object = (*object).to_owned();
                self.id = (*rest).to_owned();
                match *rest {
                    "describe" => Endpoint::Describe,
                    "updated" => Endpoint::Updated,
                    "deleted" => Endpoint::Deleted,
                    _ => Endpoint::Record,
                }
            }
            ("POST", ["jobs", "ingest"]) => Endpoint::JobCreate,
            ("GET", ["jobs", "ingest"]) => Endpoint::JobList,
            ("POST", ["jobs", "query"]) => Endpoint::QueryJobCreate,
            ("GET", ["jobs", "query"]) => Endpoint::QueryJobList,
            (method, ["jobs", "query", id, rest @ ..]) => {
                self.id = (*id).to_owned();
                match (method, rest) {
                    ("GET", []) => Endpoint::QueryJobInfo,
                    ("PATCH", []) => Endpoint::QueryJobPatch,
                    ("DELETE", []) => Endpoint::QueryJobDelete,
                    ("GET", ["results"]) => Endpoint::QueryJobResults,
                    ("GET", ["resultPages"]) => Endpoint::QueryJobPages,
                    _ => Endpoint::Unknown,
                }
            }
            (method, ["jobs", "ingest", id, rest @ ..]) => {
                self.id = (*id).to_owned();
                Self::parse_in_job(method, rest)
            }
            _ => Endpoint::Unknown,
        };
    }

    fn parse_in_job(method: &str, segments: &[&str]) -> Endpoint {
        match (method, segments) {
            ("GET", []) => Endpoint::JobInfo,
            ("PATCH", []) => Endpoint::JobPatch,
            ("DELETE", []) => Endpoint::JobDelete,
            ("PUT", ["batches"]) => Endpoint::JobUpload,
            ("GET", ["successfulResults"]) => Endpoint::SuccessfulResults,
            ("GET", ["failedResults"]) => Endpoint::FailedResults,
            // Clients use both spellings.
            ("GET", [name]) if name.eq_ignore_ascii_case("unprocessedrecords") => Endpoint::UnprocessedRecords,
            _ => Endpoint::Unknown,
        }
    }

    /// The methods that work for a path.
    pub(crate) fn allowed_methods(path: &str) -> Vec<&'static str> {
        METHODS.into_iter().filter(|method| Self::parse(method, path).endpoint != Endpoint::Unknown).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_and_a_path_name_a_call() {
        use Endpoint::*;
        for (method, path, endpoint) in [
            ("POST", "/services/oauth2/token", Token),
            ("GET", "/services/oauth2/token", Unknown),
            ("GET", "/services/data", Versions),
            ("GET", "/services/data/", Versions),
            ("GET", "/services/data/v62.0/", Resources),
            ("GET", "/services/data/v62.0/sobjects", Objects),
            ("GET", "/services/data/v62.0/sobjects/Account/describe/", Describe),
            ("GET", "/services/data/v62.0/sobjects/User/005Sim000000001AAA", Record),
            ("GET", "/services/data/v62.0/sobjects/Account/updated/", Updated),
            ("GET", "/services/data/v62.0/sobjects/Account/deleted", Deleted),
            ("POST", "/services/data/v62.0/composite", Composite),
            ("POST", "/services/data/v62.0/jobs/ingest//", JobCreate),
            ("GET", "/services/data/v62.0/jobs/ingest", JobList),
            ("GET", "/services/data/v62.0/jobs/ingest/750", JobInfo),
            ("PATCH", "/services/data/v62.0/jobs/ingest/750/", JobPatch),
            ("DELETE", "/services/data/v62.0/jobs/ingest/750", JobDelete),
            ("PUT", "/services/data/v62.0/jobs/ingest/750/batches/", JobUpload),
            ("POST", "/services/data/v62.0/jobs/ingest/750/batches", Unknown),
            ("GET", "/services/data/v62.0/jobs/ingest/750/successfulResults/", SuccessfulResults),
            ("GET", "/services/data/v62.0/jobs/ingest/750/failedResults", FailedResults),
            ("GET", "/services/data/v62.0/jobs/ingest/750/unprocessedrecords", UnprocessedRecords),
            ("GET", "/services/data/v62.0/jobs/ingest/750/unprocessedRecords", UnprocessedRecords),
            ("GET", "/services/data/v62.0/jobs/query/750", QueryJobInfo),
            ("GET", "/services/data/v62.0/jobs/query/750/results", QueryJobResults),
            ("GET", "/services/data/v62.0/jobs/query/750/resultPages", QueryJobPages),
            ("POST", "/services/data/v62.0/jobs/query", QueryJobCreate),
            ("GET", "/services/data/v62.0/query", Query),
            ("GET", "/services/data/v62.0/query/0r8-2000", QueryMore),
            ("GET", "/", Unknown),
        ] {
            assert_eq!(Route::parse(method, path).endpoint, endpoint, "{method} {path}");
        }
        let route = Route::parse("GET", "/services/data/v62.0/jobs/ingest/750ABC");
        assert_eq!((route.version, route.id.as_str()), (Some(62.0), "750ABC"));
        assert_eq!(Route::allowed_methods("/services/data/v62.0/jobs/ingest/750"), ["GET", "PATCH", "DELETE"]);
    }
}

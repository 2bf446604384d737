package objects

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob/s3blob"

	"weir/connector"
)

// Location is the part of a connector's configuration that says where a store
// is. Properties are its members' schemas.
type Location struct {
	URL         string       `json:"url"`
	Credentials *Credentials `json:"credentials,omitempty"`
}

// Credentials are a bucket's, where they are not the environment's.
type Credentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
	SessionToken    string `json:"sessionToken,omitempty"`
}

// Properties are the members of a JSON schema's properties that describe a
// Location.
const Properties = `"url": {
      "type": "string",
      "secret": "user",
      "minLength": 1,
      "title": "Place",
      "description": "A directory, relative to the data directory unless it begins with a slash; file:///directory; or s3://bucket/prefix?region=...&endpoint=...&use_path_style=true|false&profile=... of S3 or a server that speaks its protocol."
    },
    "credentials": {
      "type": "object",
      "title": "Credentials of the bucket",
      "description": "Left out, they are looked for where AWS' own tools look: environment variables, shared files, the machine's role.",
      "required": ["accessKeyId", "secretAccessKey"],
      "additionalProperties": false,
      "properties": {
        "accessKeyId": {"type": "string", "minLength": 1, "title": "Access key", "description": "Id of the access key."},
        "secretAccessKey": {"type": "string", "minLength": 1, "title": "Secret", "description": "The access key's secret.", "secret": true},
        "sessionToken": {"type": "string", "title": "Session token", "description": "Of temporary credentials.", "secret": true}
      }
    }`

// parameters of an s3 address.
var parameters = map[string]bool{"region": true, "endpoint": true, "use_path_style": true, "profile": true}

// Check says what is wrong with a location, without going there.
func (l Location) Check() error {
	_, err := l.parse()
	return err
}

// parse gives the address; a plain path has no scheme.
func (l Location) parse() (*url.URL, error) {
	scheme, _, found := strings.Cut(l.URL, "://")
	switch {
	case l.URL == "":
		return nil, errors.New("url is missing: name a directory, as in { url: incoming }, or a bucket, as in { url: \"s3://bucket?region=eu-central-1\" }")
	case strings.ContainsRune(l.URL, 0):
		return nil, errors.New("url contains a NUL character")
	case (!found || scheme == "file") && l.Credentials != nil:
		return nil, errors.New("credentials are for buckets: a directory has none")
	case !found:
		return &url.URL{Path: l.URL}, nil
	case scheme != "file" && scheme != "s3":
		return nil, fmt.Errorf("url begins with %s://: known are a directory's path, file:// and s3://", scheme)
	}
	u, err := url.Parse(l.URL)
	if err != nil {
		return nil, errors.New("url is no address: it is written as file:///directory or s3://bucket/prefix?region=name")
	}
	for name := range u.Query() {
		if u.Scheme == "file" || !parameters[name] {
			return nil, fmt.Errorf("url: parameter %s is unknown: an s3 address takes region, endpoint, use_path_style and profile, a directory none", name)
		}
	}
	switch {
	case u.User != nil || holdsUser(u.Query().Get("endpoint")):
		return nil, errors.New("url holds a user or password: write them under credentials")
	case u.Scheme == "file" && (u.Host != "" || u.Path == ""):
		return nil, errors.New("url: a file address has three slashes and the directory's absolute path, as in file:///srv/incoming")
	case u.Scheme == "s3" && u.Host == "":
		return nil, errors.New("url: the bucket is missing, as in s3://bucket")
	}
	if style := u.Query().Get("use_path_style"); style != "" {
		if _, err := strconv.ParseBool(style); err != nil {
			return nil, errors.New("url: use_path_style is true or false")
		}
	}
	return u, nil
}

// holdsUser says whether a server's address has a user in it.
func holdsUser(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.User != nil
}

// Open opens the store. It goes nowhere yet: whether a bucket or directory is
// there, its first use tells.
func Open(ctx context.Context, l Location, dataDir string) (*Store, error) {
	u, err := l.parse()
	if err != nil {
		return nil, err
	}
	if u.Scheme == "s3" {
		return openS3(ctx, u, l.Credentials)
	}
	dir := filepath.FromSlash(u.Path)
	if err := connector.Place(dataDir, &dir); err != nil {
		return nil, err
	}
	return &Store{name: dir, dir: dir}, nil
}

func openS3(ctx context.Context, u *url.URL, given *Credentials) (*Store, error) {
	q := u.Query()
	var options []func(*config.LoadOptions) error
	if region := q.Get("region"); region != "" {
		options = append(options, config.WithRegion(region))
	}
	if profile := q.Get("profile"); profile != "" {
		options = append(options, config.WithSharedConfigProfile(profile))
	}
	if given != nil {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(given.AccessKeyID, given.SecretAccessKey, given.SessionToken)))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("settings for %s: %w", escaped(u), err)
	}
	if c.Region == "" {
		if q.Get("endpoint") == "" {
			return nil, fmt.Errorf("%s: the region is missing: write it as in %s?region=eu-central-1", escaped(u), escaped(u))
		}
		c.Region = "us-east-1" // what servers that are not AWS' take
	}
	checksums := s3blob.Options{}
	if q.Get("endpoint") != "" {
		checksums.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	}
	client := s3.NewFromConfig(c, func(o *s3.Options) {
		if endpoint := q.Get("endpoint"); endpoint != "" {
			if !strings.Contains(endpoint, "://") {
				endpoint = "https://" + endpoint
			}
			o.BaseEndpoint, o.UsePathStyle = aws.String(endpoint), true
			// Checksums that newer clients add are unknown to many servers.
			o.RequestChecksumCalculation, o.ResponseChecksumValidation = checksums.RequestChecksumCalculation, aws.ResponseChecksumValidationWhenRequired
		}
		if style, err := strconv.ParseBool(q.Get("use_path_style")); err == nil {
			o.UsePathStyle = style
		}
	})
	bucket, err := s3blob.OpenBucket(ctx, client, u.Host, &checksums)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", escaped(u), err)
	}
	return NewBucket(bucket, escaped(u), strings.Trim(u.Path, "/")), nil
}

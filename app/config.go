package app

import (
	"time"

	"example.com/prefab/app/server"
	"example.com/prefab/app/settings"
	"example.com/prefab/repositories/cache"

	// region sample
	"example.com/prefab/repositories/writebehind"
	// endregion
)

// Config holds every setting. A line here and one in .env.example add one of your own.
type Config struct {
	server.Settings
	Cache cache.Settings
	// region sample
	WriteBehind writebehind.Settings
	// endregion

	HTTPCacheTTL     time.Duration `env:"HTTP_CACHE_TTL" default:"10s" min:"0s" max:"24h"`
	CompressLevel    int           `env:"COMPRESS_LEVEL" default:"6" min:"0" max:"9"`
	CompressMinBytes int           `env:"COMPRESS_MIN_BYTES" default:"1024" min:"0" max:"1073741824"`

	SessionTTL          time.Duration `env:"SESSION_TTL" default:"24h" min:"1m" max:"8760h"`
	SignInLimit         int64         `env:"SIGN_IN_LIMIT" default:"10" min:"1" max:"1000000"`
	SignInAccountLimit  int64         `env:"SIGN_IN_ACCOUNT_LIMIT" default:"100" min:"1" max:"1000000"`
	SignInAddressLimit  int64         `env:"SIGN_IN_ADDRESS_LIMIT" default:"100" min:"1" max:"1000000"`
	SignInWindow        time.Duration `env:"SIGN_IN_WINDOW" default:"15m" min:"1s" max:"24h"`
	PasswordConcurrency int           `env:"PASSWORD_CONCURRENCY" default:"2" min:"1" max:"1024"`

	APIRateLimit int `env:"API_RATE_LIMIT" default:"0" min:"0" max:"1000000"`

	SignUp    bool               `env:"SIGN_UP" default:"false"`
	PublicURL string             `env:"PUBLIC_URL"`
	SMTPURL   settings.ServerURL `env:"SMTP_URL"`
	MailFrom  string             `env:"MAIL_FROM"`

	// region sample
	CompactMinBytes   int           `env:"COMPACT_MIN_BYTES" default:"5000" min:"0" max:"1073741824"`
	ExportTimeout     time.Duration `env:"EXPORT_TIMEOUT" default:"15m" min:"1s" max:"24h"`
	ExportConcurrency int           `env:"EXPORT_CONCURRENCY" default:"2" min:"1" max:"1000"`
	PruneAfter        time.Duration `env:"PRUNE_AFTER" default:"720h" min:"0s" max:"87600h"`
	// endregion
}

// LoadConfig returns the settings of the environment and of the file.
func LoadConfig(environ []string, file string) (Config, error) {
	return settings.Load[Config](environ, file)
}

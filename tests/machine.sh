# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# What scripts share that make a minimal Debian 12 in a folder, with mounts of its own. The caller defines say.

suite=bookworm

# end_all NS: ends everything that runs in this mount namespace, which we made.
end_all()
{
	local signal pid ns=$1
	[ -n "$ns" ] && [ "$ns" != "$(readlink /proc/self/ns/mnt)" ] || return 0
	for signal in TERM KILL; do
		for pid in /proc/[0-9]*; do
			[ "$(readlink "$pid/ns/mnt" 2>/dev/null)" = "$ns" ] || continue
			kill -s "$signal" "${pid#/proc/}" 2>/dev/null
		done
		[ "$signal" = KILL ] || sleep 1
	done
}

# Lines "URI suite component" of this machine's own sources for the suite.
own_sources()
{
	# shellcheck disable=SC2016 # the $(...) are apt's
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk -v suite="$suite" '$3 == "main" && ($2 == suite || $2 == suite "-updates" ||
			$2 == suite "-security") && !seen[$0]++'
}

# What this machine's apt knows about the way out: proxies, and clocks that stand still.
copy_network()
{
	local root=$1 file
	mkdir -p "$root/etc/apt/apt.conf.d" "$root/etc/ssl/certs" "$root/usr/local/share/ca-certificates"
	for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
		[ ! -e "$file" ] || cat "$file" >"$root$file"
	done
	find /usr/local/share/ca-certificates -name '*.crt' \
		-exec cp -t "$root/usr/local/share/ca-certificates" {} + 2>/dev/null
	apt-config dump | grep -E '^Acquire::((http|https)::|Check-|Retries|ForceIPv|Max-Future|Min-Valid)' |
		grep -Ev '::Ssl(Key|Cert)' >"$root/etc/apt/apt.conf.d/99way-out"
	file=$(apt-config dump --format '%v' Acquire::https::CAInfo)
	if [ -n "$file" ] && [ -e "$file" ]; then
		install -D -m 0644 "$file" "$root$file"
	fi
}

proxies()
{
	local scheme value
	for scheme in http https; do
		value=$(apt-config dump --format '%v' "Acquire::$scheme::Proxy")
		[ -z "$value" ] || [ "$value" = DIRECT ] || export "${scheme}_proxy=$value"
	done
}

# new_root ROOT: makes it the root of the mount namespace that the caller is in.
new_root()
{
	local root=$1
	mount --bind "$root" "$root" &&
		{ mount -t proc proc "$root/proc" || mount --rbind /proc "$root/proc"; } &&
		mount --rbind /sys "$root/sys" &&
		mount --rbind /dev "$root/dev" &&
		mount -t tmpfs -o mode=0755 tmpfs "$root/run" &&
		mkdir -p "$root/.host" &&
		cd "$root" &&
		pivot_root . .host &&
		cd / &&
		umount -l /.host &&
		rmdir /.host
}

# bootstrap ROOT LOG CACHE [PACKAGES]: a minimal Debian there, with what this machine's apt knows.
bootstrap()
{
	local root=$1 log=$2 cache=$3 packages=${4-} mirror options=()
	proxies
	mirror=$(own_sources | awk -v suite="$suite" '$2 == suite { print $1; exit }')
	[ -n "$mirror" ] || {
		say "this machine's apt has no source for $suite main"
		return 1
	}
	if [ -n "$cache" ]; then
		mkdir -p "$cache" && options+=("--cache-dir=$(readlink -f "$cache")")
	fi
	[ -z "$packages" ] || options+=("--include=$packages")
	say "debootstrap --variant=minbase $suite from $mirror"
	debootstrap --variant=minbase "${options[@]}" "$suite" "$root" "$mirror" >"$log" 2>&1 || {
		tail -n 20 "$log" "$root/debootstrap/debootstrap.log" 2>/dev/null
		say "debootstrap failed"
		return 1
	}
	own_sources | sed 's/^/deb /' >"$root/etc/apt/sources.list"
	copy_network "$root"
}

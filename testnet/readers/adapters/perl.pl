# What Perl's MIME::Parser reads of messages.
#
# Standard input: a line with a number of octets, then so many octets, again and again. Standard
# output: one line of JSON for each.
use strict;
use warnings;
no warnings 'recursion';
use Digest::SHA qw(sha256_hex);
use Encode qw(decode encode find_encoding);
use JSON::PP;
use MIME::Parser;
use MIME::Words qw(decode_mimewords);
use Mail::Address;

$SIG{__WARN__} = sub { };
binmode STDIN;
binmode STDOUT;
$| = 1;
my $json = JSON::PP->new->utf8->canonical;

sub text {
    my ($octets, $charset) = @_;
    my $encoding = find_encoding($charset || 'utf-8') || find_encoding('utf-8');
    return $encoding->decode($octets, Encode::FB_DEFAULT);
}

sub words {
    my ($value) = @_;
    $value =~ s/\r?\n(?=[ \t])//g;
    $value =~ s/\r?\n\z//;
    return join '', map { text($_->[0], $_->[1]) } decode_mimewords($value);
}

sub addresses {
    my ($head, $field) = @_;
    my @found;
    for my $value ($head->get_all($field)) {
        for my $address (Mail::Address->parse($value)) {
            push @found, words($address->phrase . ' (' . $address->comment . ') <' . $address->address . '>');
        }
    }
    return \@found;
}

sub collect {
    my ($part, $shown) = @_;
    my $type = $part->effective_type;
    if ($part->parts) {
        my $i = 0;
        for my $child ($part->parts) {
            $i++;
            push @{ $shown->{text} }, 'Message: ' . words($child->head->get('Subject') // '') if $type eq 'message/rfc822';
            push @{ $shown->{text} }, "Alternative $i:" if $type eq 'multipart/alternative';
            collect($child, $shown);
        }
        return;
    }
    my $body = $part->bodyhandle ? $part->bodyhandle->as_string : '';
    my $name = $part->head->recommended_filename;
    my $disposition = lc($part->head->mime_attr('content-disposition') // '');
    my $attached = $disposition eq 'attachment' || defined $name;
    if (!$attached && ($type eq 'text/plain' || $type eq 'text/html')) {
        push @{ $shown->{ $type eq 'text/plain' ? 'text' : 'html' } },
          text($body, $part->head->mime_attr('content-type.charset'));
        return;
    }
    $body =~ s/\r\n?/\n/g;
    $body =~ s/\n+\z//;
    push @{ $shown->{attachments} }, $type . ' ' . ($name // '') . ' ' . sha256_hex($body);
}

sub read_one {
    my ($raw) = @_;
    my $parser = MIME::Parser->new;
    $parser->output_to_core(1);
    $parser->tmp_to_core(1);
    $parser->decode_bodies(1);
    my $entity = $parser->parse_data($raw);
    my $head = $entity->head;
    my %shown = map { $_ => addresses($head, $_) } qw(from sender to cc reply-to);
    $shown{subject} = [ map { words($_) } $head->get_all('subject') ];
    @shown{qw(text html attachments)} = ([], [], []);
    collect($entity, \%shown);
    return \%shown;
}

while (defined(my $size = <STDIN>)) {
    my $raw = '';
    read STDIN, $raw, $size + 0 if $size > 0;
    my $shown = eval { read_one($raw) } || { broken => ['error'] };
    print $json->encode($shown), "\n";
}
